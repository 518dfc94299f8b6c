# The data: contacts in form 1, name and phone.
# The first line of records.tsv says its form, so one rename changes both together, and a repeat finds it done.

records="$TELVISOR_DATA/records.tsv"

data_form() {
    sed -n '1s/^#//p' "$records"
}

data_create() {
    mkdir -p "$TELVISOR_DATA"
    [ -f "$records" ] || echo '#1' >"$records"
}

data_upgrade() {
    [ "$(data_form)" = 1 ] || impossible "the data is of another form than 1"
}
