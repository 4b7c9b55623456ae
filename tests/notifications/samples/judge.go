// Judges one webhook a line, each field in base64: key, id, timestamp, signatures, body; then the receiver's clock.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func text(field string) string {
	raw, err := base64.StdEncoding.DecodeString(field)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		headers := map[string]string{
			"webhook-id":        text(fields[1]),
			"webhook-timestamp": text(fields[2]),
			"webhook-signature": text(fields[3]),
		}
		now, err := strconv.ParseInt(fields[5], 10, 64)
		if err != nil {
			panic(err)
		}
		fmt.Println(Verify(text(fields[0]), headers, []byte(text(fields[4])), now))
	}
}
