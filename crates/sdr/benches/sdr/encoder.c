/* The other side of the benchmark: the encoder that asn1c generates, on the same records.
 *
 * Usage: encoder FILE, a file of records one behind the other. It decodes them all; then for each line on standard
 * input it encodes them all into memory and prints the nanoseconds of processor time that this took. What it encodes
 * must be the octets of the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <SDRRecord.h>

static unsigned char *file, *out;
static size_t length, written;

static int put(const void *octets, size_t size, void *key)
{
    (void)key;
    if (written + size > length)
        return -1;
    memcpy(out + written, octets, size);
    written += size;
    return 0;
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
    SDRRecord_t **records = NULL;
    size_t count = 0, at = 0;
    char line[16];
    FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!in || fseek(in, 0, SEEK_END))
        return 2;
    length = ftell(in);
    rewind(in);
    file = malloc(length);
    out = malloc(length);
    if (fread(file, 1, length, in) != length)
        return 2;
    while (at < length) {
        SDRRecord_t *record = NULL;
        asn_dec_rval_t read = ber_decode(0, &asn_DEF_SDRRecord, (void **)&record, file + at, length - at);
        if (read.code != RC_OK)
            return 3;
        at += read.consumed;
        if (count % 1024 == 0)
            records = realloc(records, (count + 1024) * sizeof *records);
        records[count++] = record;
    }
    while (fgets(line, sizeof line, stdin)) {
        long long began = now();
        size_t n;
        written = 0;
        for (n = 0; n < count; n++)
            if (der_encode(&asn_DEF_SDRRecord, records[n], put, NULL).encoded < 0)
                return 4;
        printf("%lld\n", now() - began);
        fflush(stdout);
        if (written != length || memcmp(file, out, length))
            return 5;
    }
    return 0;
}
