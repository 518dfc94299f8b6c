# The data: articles, in form 1 with article, price and stock, in form 2 with a number before them.
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
            { echo '#2'; sed 1d "$records" | awk '{ printf "A%05d\t%s\n", NR, $0 }'; } >"$records.new"
            mv "$records.new" "$records"
            ;;
        2) ;;
        *) impossible "the data is of an unknown form" ;;
    esac
}

data_downgrade() {
    if [ "$1" = 1 ] && [ "$(data_form)" = 2 ]; then
        { echo '#1'; sed 1d "$records" | cut -f 2-4; } >"$records.new"
        mv "$records.new" "$records"
    fi
}
