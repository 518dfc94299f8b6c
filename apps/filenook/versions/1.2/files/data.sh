# The data: the shared files in `shared`, uploads that are not complete yet in `incoming`.

data_create() {
    mkdir -p "$TELVISOR_DATA/shared" "$TELVISOR_DATA/incoming"
}

# Both versions keep the data alike. What was half uploaded when a backup was taken is of no use.
data_upgrade() {
    rm -rf "$TELVISOR_DATA/incoming"
    data_create
}
