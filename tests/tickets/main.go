// Makes tickets as pretix signs them, on Go's own Ed25519 and base64, for tests of the reader: tickets SEED COUNT.
//
// One line a ticket: its text, from when and until when it holds in seconds since 1970, 0 being no bound. The key is of 32 bytes of SEED.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"strconv"
)

func main() {
	seed, err := strconv.ParseUint(os.Args[1], 10, 8)
	count, err2 := strconv.Atoi(os.Args[2])
	if err != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, "usage: tickets SEED COUNT")
		os.Exit(2)
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(seed)}, ed25519.SeedSize))
	random := rand.New(rand.NewSource(int64(seed)))
	for i := 0; i < count; i++ {
		from, until := bound(random), bound(random)
		payload := message(random, from, until)
		signed := []byte{1}
		signed = binary.BigEndian.AppendUint16(signed, uint16(len(payload)))
		signed = binary.BigEndian.AppendUint16(signed, ed25519.SignatureSize)
		signed = append(signed, payload...)
		signed = append(signed, ed25519.Sign(key, payload)...)
		fmt.Println(reversed(base64.StdEncoding.EncodeToString(signed)), from, until)
	}
}

func bound(random *rand.Rand) uint64 {
	if random.Intn(3) == 0 {
		return 0
	}
	return 1_700_000_000 + uint64(random.Intn(300_000_000))
}

// message is what protobuf writes: scalars that are zero are left out, but for the optional bounds where they were set.
func message(random *rand.Rand, from, until uint64) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	out := []byte{1<<3 | 2, 9}
	for i := 0; i < 9; i++ {
		out = append(out, letters[random.Intn(len(letters))])
	}
	out = number(out, 2, 1+uint64(random.Intn(1_000_000)))
	if random.Intn(2) == 0 {
		out = number(out, 3, 1+uint64(random.Intn(1_000)))
	}
	if random.Intn(2) == 0 {
		out = number(out, 4, 1+uint64(random.Intn(1_000)))
	}
	set := random.Intn(2) == 0
	if from > 0 || set {
		out = number(out, 5, from)
	}
	if until > 0 || set {
		out = number(out, 6, until)
	}
	return out
}

func number(out []byte, field, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(out, field<<3), value)
}

func reversed(text string) string {
	out := []byte(text)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}
