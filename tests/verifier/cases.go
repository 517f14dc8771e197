package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Cases of single notes and proofs, for the tests of the evidence crate: they are judged by golang.org/x/mod/sumdb
// (note and tlog) alone; only what these do not know is written here, the cosignature/v1 of C2SP tlog-cosignature,
// the three lines of a C2SP tlog-checkpoint under any origin, and the text of a C2SP tlog-proof.
//
// Input is one JSON object a line:
//
//	{"kind": "receipt", "bytes": {"note": "<base64>", ...}, "numbers": {"size": 7, ...}, "path": ["<base64>", ...]}
//
// Output is one line for each: "accept", with what was read, or "refuse: " and why. A line that is no such
// object ends the program with status 1, so that a broken test cannot look like a refusal.
//
//	kind         bytes                                             numbers                path  accept prints
//	checkpoint   note origin log_key                                                            size root
//	receipt      note origin log_key cosigner cosigner_key                                      size root time
//	inclusion    leaf root                                         index size             yes
//	consistency  old_root new_root                                 old_size new_size      yes
//	tlog-proof   text entry origin log_key cosigner cosigner_key                                index size root time

const (
	maxLine            = 1 << 20
	algCosignature     = 0x04
	timeBytes          = 8
	proofHeader        = "c2sp.org/tlog-proof@v1"
	sumdbOrigin        = "go.sum database tree"
	checkpointNewlines = 3
	// Above this, maxpow2 of x/mod's tlog shifts its one out of the word and never returns.
	maxSize = 1 << 62
	// Long past what any run takes: a proof that does not end must not hold up whoever waits.
	deadline = 5 * time.Minute
)

type testCase struct {
	Kind    string            `json:"kind"`
	Bytes   map[string][]byte `json:"bytes"`
	Numbers map[string]uint64 `json:"numbers"`
	Path    [][]byte          `json:"path"`
}

func judgeCases() {
	time.AfterFunc(deadline, func() { fatal(errors.New("a case does not end")) })
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var c testCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fatal(fmt.Errorf("a line is no case: %w", err))
		}
		read, err := check(c)
		if err != nil {
			// %q keeps a verdict on one line, whatever bytes the reason quotes.
			fmt.Fprintf(out, "refuse: %q\n", err.Error())
		} else {
			fmt.Fprintln(out, strings.TrimSpace("accept "+read))
		}
	}
	if err := lines.Err(); err != nil {
		fatal(err)
	}
}

func check(c testCase) (string, error) {
	switch c.Kind {
	case "checkpoint":
		tree, _, err := openCheckpoint(c, c.Bytes["note"], nil)
		return treeText(tree), err
	case "receipt":
		return checkReceipt(c)
	case "inclusion":
		return "", checkInclusion(c)
	case "consistency":
		return "", checkConsistency(c)
	case "tlog-proof":
		return checkTlogProof(c)
	}
	fatal(fmt.Errorf("unknown kind %q", c.Kind))
	return "", nil
}

func checkReceipt(c testCase) (string, error) {
	witness, err := newCosigner(string(c.Bytes["cosigner"]), c.Bytes["cosigner_key"])
	if err != nil {
		return "", err
	}
	tree, seen, err := openCheckpoint(c, c.Bytes["note"], witness)
	return fmt.Sprintf("%s %d", treeText(tree), seen), err
}

func checkInclusion(c testCase) error {
	index, err := number(c, "index")
	if err != nil {
		return err
	}
	size, err := number(c, "size")
	if err != nil {
		return err
	}
	leaf, err := hash(c.Bytes["leaf"])
	if err != nil {
		return err
	}
	root, err := hash(c.Bytes["root"])
	if err != nil {
		return err
	}
	path, err := hashes(c.Path)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, size, root, index, leaf)
}

func checkConsistency(c testCase) error {
	oldSize, err := number(c, "old_size")
	if err != nil {
		return err
	}
	newSize, err := number(c, "new_size")
	if err != nil {
		return err
	}
	oldRoot, err := hash(c.Bytes["old_root"])
	if err != nil {
		return err
	}
	newRoot, err := hash(c.Bytes["new_root"])
	if err != nil {
		return err
	}
	path, err := hashes(c.Path)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, newSize, newRoot, oldSize, oldRoot)
}

func checkTlogProof(c testCase) (string, error) {
	head, message, found := strings.Cut(string(c.Bytes["text"]), "\n\n")
	if !found {
		return "", errors.New("proof without an empty line")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return "", errors.New("proof with another header")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		if _, err := strictBase64(strings.TrimPrefix(lines[0], "extra ")); err != nil {
			return "", err
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return "", errors.New("proof without an index")
	}
	digits := strings.TrimPrefix(lines[0], "index ")
	index, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strconv.FormatInt(index, 10) != digits {
		return "", errors.New("proof with a malformed index")
	}
	var path tlog.RecordProof
	for _, line := range lines[1:] {
		decoded, err := strictBase64(line)
		if err != nil {
			return "", err
		}
		h, err := hash(decoded)
		if err != nil {
			return "", err
		}
		path = append(path, h)
	}
	witness, err := newCosigner(string(c.Bytes["cosigner"]), c.Bytes["cosigner_key"])
	if err != nil {
		return "", err
	}
	tree, seen, err := openCheckpoint(c, []byte(message), witness)
	if err != nil {
		return "", err
	}
	leaf := tlog.RecordHash(c.Bytes["entry"])
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s %d", index, treeText(tree), seen), nil
}

// openCheckpoint opens a note signed by the log that the case names and, where there is one, by the witness.
func openCheckpoint(c testCase, message []byte, witness *cosigner) (tlog.Tree, uint64, error) {
	origin := string(c.Bytes["origin"])
	vkey, err := note.NewEd25519VerifierKey(origin, ed25519.PublicKey(c.Bytes["log_key"]))
	if err != nil {
		return tlog.Tree{}, 0, err
	}
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, 0, err
	}
	known := []note.Verifier{log}
	if witness != nil {
		known = append(known, witness)
	}
	opened, err := note.Open(message, note.VerifierList(known...))
	if err != nil {
		return tlog.Tree{}, 0, err
	}
	for _, signature := range opened.Sigs {
		if _, err := strictBase64(signature.Base64); err != nil {
			return tlog.Tree{}, 0, err
		}
	}
	for _, verifier := range known {
		if !signedBy(opened, verifier) {
			return tlog.Tree{}, 0, fmt.Errorf("no signature by %q", verifier.Name())
		}
	}
	tree, err := parseTree(opened.Text, origin)
	if err != nil || witness == nil {
		return tree, 0, err
	}
	return tree, witness.seen, nil
}

func signedBy(opened *note.Note, verifier note.Verifier) bool {
	for _, signature := range opened.Sigs {
		if signature.Name == verifier.Name() && signature.Hash == verifier.KeyHash() {
			return true
		}
	}
	return false
}

// parseTree reads the three lines. The package knows the form under one fixed origin only, so it is given
// that; writing the tree back shows that nothing was read leniently.
func parseTree(text, origin string) (tlog.Tree, error) {
	if strings.Count(text, "\n") != checkpointNewlines || !strings.HasPrefix(text, origin+"\n") {
		return tlog.Tree{}, errors.New("not a checkpoint of this origin")
	}
	same := sumdbOrigin + strings.TrimPrefix(text, origin)
	tree, err := tlog.ParseTree([]byte(same))
	if err != nil {
		return tlog.Tree{}, err
	}
	if tree.N > maxSize {
		return tlog.Tree{}, errors.New("the size is out of range")
	}
	if string(tlog.FormatTree(tree)) != same {
		return tlog.Tree{}, errors.New("a checkpoint in another spelling")
	}
	return tree, nil
}

// A cosigner verifies cosignature/v1 lines, and keeps the time of the last one that it accepted.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	seen uint64
}

func newCosigner(name string, key []byte) (*cosigner, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, errors.New("the cosigner's key is not 32 bytes")
	}
	id := sha256.New()
	id.Write([]byte(name))
	id.Write([]byte{'\n', algCosignature})
	id.Write(key)
	return &cosigner{name: name, hash: binary.BigEndian.Uint32(id.Sum(nil)), key: key}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != timeBytes+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)
	if seconds > math.MaxInt64 || !ed25519.Verify(c.key, []byte(message), signature[timeBytes:]) {
		return false
	}
	c.seen = seconds
	return true
}

func treeText(tree tlog.Tree) string {
	return fmt.Sprintf("%d %s", tree.N, tree.Hash)
}

func number(c testCase, name string) (int64, error) {
	n := c.Numbers[name]
	if n > maxSize {
		return 0, fmt.Errorf("%s is out of range", name)
	}
	return int64(n), nil
}

func hashes(list [][]byte) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, bytes := range list {
		h, err := hash(bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

func hash(bytes []byte) (tlog.Hash, error) {
	var h tlog.Hash
	if len(bytes) != tlog.HashSize {
		return h, errors.New("a hash is not 32 bytes")
	}
	copy(h[:], bytes)
	return h, nil
}

// strictBase64 refuses every spelling but one; the standard library reads several.
func strictBase64(text string) ([]byte, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodeToString(decoded) != text {
		return nil, errors.New("base64 in another spelling")
	}
	return decoded, nil
}
