# The data: contacts, in form 1 with name and phone, in form 2 with e-mail too.
# The first line of records.tsv says its form, so one rename changes both together, and a repeat finds it done.

records="$TELVISOR_DATA/records.tsv"

data_form() {
    sed -n '1s/^#//p' "$records"
}

data_create() {
    mkdir -p "$TELVISOR_DATA"
    [ -f "$records" ] || echo '#2' >"$records"
}

data_upgrade() {
    case $(data_form) in
        1)
            { echo '#2'; sed 1d "$records" | sed 's/$/	/'; } >"$records.new"
            mv "$records.new" "$records"
            ;;
        2) ;;
        *) impossible "the data is of an unknown form" ;;
    esac
}

data_downgrade() {
    if [ "$1" = 1 ] && [ "$(data_form)" = 2 ]; then
        { echo '#1'; sed 1d "$records" | cut -f 1,2; } >"$records.new"
        mv "$records.new" "$records"
    fi
}
