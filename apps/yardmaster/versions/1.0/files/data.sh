# The data: builds, in form 1 with project, commit and result, in form 2 with seconds too.
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
            { echo '#2'; sed 1d "$records" | sed 's/$/	0/'; } >"$records.new"
            mv "$records.new" "$records"
            ;;
        2) ;;
        *) impossible "the data is of an unknown form" ;;
    esac
}
