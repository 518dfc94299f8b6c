// The other side of the benchmark: Go's encoding/csv, on the same rows.
//
// Usage: writer FILE, a CSV file. For each line on standard input it writes all rows into memory, and prints the
// nanoseconds that this took. The cells are ready as texts. What it writes must be the file.
package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"time"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		panic(err)
	}
	out := bytes.NewBuffer(make([]byte, 0, len(text)))
	rounds := bufio.NewScanner(os.Stdin)
	for rounds.Scan() {
		began := time.Now()
		out.Reset()
		writer := csv.NewWriter(out)
		writer.UseCRLF = true
		if err := writer.WriteAll(rows); err != nil {
			panic(err)
		}
		fmt.Println(time.Since(began).Nanoseconds())
		if !bytes.Equal(out.Bytes(), text) {
			os.Exit(5)
		}
	}
}
