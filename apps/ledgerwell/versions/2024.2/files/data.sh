# The data: bookings in form 1, date, text and amount such as 12.50.
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
