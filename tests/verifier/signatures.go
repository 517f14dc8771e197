package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxNote    = 4096
	maxProof   = 16 << 10
	maxExtra   = 4 << 10
	maxPath    = 64
	algEd25519 = 0x01
)

// The encodings of the points of small order (their sign bit cleared, save where it is listed).
var smallOrder = func() map[string]bool {
	out := map[string]bool{}
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			panic("a constant is not hex")
		}
		out[string(point)] = true
		point[31] |= 0x80
		out[string(point)] = true
	}
	return out
}()

type publicKey [32]byte

var (
	fieldP  = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	curveD  = curveConstant()
	knownOK = map[publicKey]bool{}
)

func curveConstant() *big.Int {
	d := new(big.Int).ModInverse(big.NewInt(121666), fieldP)
	d.Mul(d, big.NewInt(-121665))
	return d.Mod(d, fieldP)
}

// isPoint is whether the bytes are the one encoding of a point that is not of small order.
func isPoint(key publicKey) bool {
	if ok, seen := knownOK[key]; seen {
		return ok
	}
	ok := !smallOrder[string(key[:])] && onCurve(key)
	if len(knownOK) < 1<<16 {
		knownOK[key] = ok
	}
	return ok
}

func onCurve(key publicKey) bool {
	var big32 [32]byte
	for i, b := range key {
		big32[31-i] = b
	}
	big32[0] &= 0x7f
	y := new(big.Int).SetBytes(big32[:])
	if y.Cmp(fieldP) >= 0 {
		return false
	}
	yy := new(big.Int).Mul(y, y)
	up := new(big.Int).Sub(yy, big.NewInt(1))
	down := new(big.Int).Mul(curveD, yy)
	down.Add(down, big.NewInt(1)).Mod(down, fieldP)
	xx := up.Mul(up, down.ModInverse(down, fieldP))
	xx.Mod(xx, fieldP)
	// x = 0 is of small order, refused above; any other square has one root of each sign.
	return big.Jacobi(xx, fieldP) == 1
}

func parseKey(text string) (publicKey, error) {
	var key publicKey
	decoded, err := strictBase64(text)
	if err != nil || len(decoded) != len(key) {
		return key, errors.New("a key is 32 bytes in base64")
	}
	copy(key[:], decoded)
	if !isPoint(key) {
		return key, errors.New("a key that is no point, or one of small order")
	}
	return key, nil
}

func (key publicKey) fingerprint() string {
	sum := sha256.Sum256(key[:])
	return hex.EncodeToString(sum[:16])
}

// verify is strict: S below the order and the equation without cofactor are the standard library's, which
// compares R byte by byte; points of small order are refused here.
func (key publicKey) verify(message, signature []byte) bool {
	return len(signature) == ed25519.SignatureSize && !smallOrder[string(signature[:32])] && isPoint(key) &&
		ed25519.Verify(key[:], message, signature)
}

// verifyStatement checks a signed statement (section 5).
func (key publicKey) verifyStatement(label, statement string, signature []byte) bool {
	return key.verify([]byte("rollcall/"+label+"/v1\n"+statement), signature)
}

func (f fields) key(name string) publicKey {
	key, err := parseKey(f.text(name))
	if err != nil {
		f.r.fail("%s: %v", name, err)
	}
	return key
}

// keyID is the first 4 bytes of a signature line.
func keyID(name string, alg byte, key publicKey) [4]byte {
	id := sha256.New()
	id.Write([]byte(name))
	id.Write([]byte{'\n', alg})
	id.Write(key[:])
	var out [4]byte
	copy(out[:], id.Sum(nil))
	return out
}

type noteSignature struct {
	name string
	id   [4]byte
	rest []byte
}

// A signed note that holds a checkpoint.
type checkpointNote struct {
	text   string
	origin string
	size   uint64
	root   tlog.Hash
	sigs   []noteSignature
}

func parseCheckpointNote(note string) (*checkpointNote, error) {
	if len(note) > maxNote {
		return nil, errors.New("a note of more than 4096 bytes")
	}
	if !utf8.ValidString(note) {
		return nil, errors.New("a note that is not UTF-8")
	}
	for _, c := range []byte(note) {
		if c < 0x20 && c != '\n' {
			return nil, errors.New("a note with control characters")
		}
	}
	split := strings.LastIndex(note, "\n\n")
	if split < 0 {
		return nil, errors.New("a note without signatures")
	}
	c := &checkpointNote{text: note[:split+1]}
	if err := c.parseSignatures(note[split+2:]); err != nil {
		return nil, err
	}
	return c, c.parseText()
}

func (c *checkpointNote) parseSignatures(block string) error {
	if block == "" || !strings.HasSuffix(block, "\n") {
		return errors.New("a note without a last newline")
	}
	for _, line := range strings.Split(strings.TrimSuffix(block, "\n"), "\n") {
		parts := strings.Split(line, " ")
		if len(parts) != 3 || parts[0] != "—" || !isKeyName(parts[1]) {
			return errors.New("a malformed signature line")
		}
		bytes, err := strictBase64(parts[2])
		if err != nil || len(bytes) < 5 {
			return errors.New("a malformed signature line")
		}
		sig := noteSignature{name: parts[1], rest: bytes[4:]}
		copy(sig.id[:], bytes)
		c.sigs = append(c.sigs, sig)
	}
	return nil
}

func (c *checkpointNote) parseText() error {
	lines := strings.Split(c.text, "\n")
	if len(lines) != 4 || lines[0] == "" {
		return errors.New("a checkpoint is three lines")
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] || size > maxSize {
		return errors.New("a checkpoint with a malformed size")
	}
	root, err := strictBase64(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return errors.New("a checkpoint with a malformed root")
	}
	c.origin, c.size = lines[0], size
	copy(c.root[:], root)
	return nil
}

func isKeyName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "+") && strings.IndexFunc(name, isSpace) < 0
}

func (c *checkpointNote) by(name string, id [4]byte) ([]byte, error) {
	var found []byte
	for _, sig := range c.sigs {
		if sig.name == name && sig.id == id {
			if found != nil {
				return nil, fmt.Errorf("two signatures by %q", name)
			}
			found = sig.rest
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no signature by %q", name)
	}
	return found, nil
}

// signedBy checks the signature of the log itself.
func (c *checkpointNote) signedBy(origin string, key publicKey) error {
	if c.origin != origin {
		return fmt.Errorf("a checkpoint of %q, not of %q", c.origin, origin)
	}
	sig, err := c.by(origin, keyID(origin, algEd25519, key))
	if err != nil {
		return err
	}
	if !key.verify([]byte(c.text), sig) {
		return fmt.Errorf("the signature by %q does not verify", origin)
	}
	return nil
}

// cosignedBy gives the time of a cosignature.
func (c *checkpointNote) cosignedBy(name string, key publicKey) (uint64, error) {
	sig, err := c.by(name, keyID(name, algCosignature, key))
	if err != nil {
		return 0, err
	}
	if len(sig) != timeBytes+ed25519.SignatureSize {
		return 0, fmt.Errorf("the cosignature by %q has another length", name)
	}
	seconds := binary.BigEndian.Uint64(sig)
	if seconds > math.MaxInt64 {
		return 0, errors.New("a cosignature with an impossible time")
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, c.text)
	if !key.verify([]byte(message), sig[timeBytes:]) {
		return 0, fmt.Errorf("the cosignature by %q does not verify", name)
	}
	return seconds, nil
}

// A tlogProof is the text of section 2; its checkpoint is opened by whoever knows the key.
type tlogProof struct {
	index      uint64
	path       tlog.RecordProof
	checkpoint *checkpointNote
}

func parseTlogProof(text string) (*tlogProof, error) {
	if len(text) > maxProof {
		return nil, errors.New("a proof of more than 16 KiB")
	}
	head, note, found := strings.Cut(text, "\n\n")
	if !found {
		return nil, errors.New("a proof without an empty line")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return nil, errors.New("a proof with another header")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		extra, err := strictBase64(strings.TrimPrefix(lines[0], "extra "))
		if err != nil || len(extra) > maxExtra {
			return nil, errors.New("a proof with malformed extra data")
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, errors.New("a proof without an index")
	}
	digits := strings.TrimPrefix(lines[0], "index ")
	p := &tlogProof{}
	var err error
	p.index, err = strconv.ParseUint(digits, 10, 64)
	if err != nil || strconv.FormatUint(p.index, 10) != digits || p.index >= maxSize {
		return nil, errors.New("a proof with a malformed index")
	}
	for _, line := range lines[1:] {
		bytes, err := strictBase64(line)
		if err != nil || len(bytes) != tlog.HashSize || len(p.path) == maxPath {
			return nil, errors.New("a proof with a malformed path")
		}
		var h tlog.Hash
		copy(h[:], bytes)
		p.path = append(p.path, h)
	}
	p.checkpoint, err = parseCheckpointNote(note)
	return p, err
}

func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

// A tree keeps the hash of every full subtree, so the root of any prefix is a few hashes away.
type tree struct{ levels [][]tlog.Hash }

func (t *tree) append(leaf tlog.Hash) {
	for level := 0; ; level++ {
		if level == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[level] = append(t.levels[level], leaf)
		n := len(t.levels[level])
		if n%2 == 1 {
			return
		}
		leaf = tlog.NodeHash(t.levels[level][n-2], t.levels[level][n-1])
	}
}

func (t *tree) size() uint64 {
	if len(t.levels) == 0 {
		return 0
	}
	return uint64(len(t.levels[0]))
}

func (t *tree) leaf(index uint64) *tlog.Hash {
	if index >= t.size() {
		return nil
	}
	return &t.levels[0][index]
}

// root is that of the first so many entries, of which there must be as many.
func (t *tree) root(size uint64) tlog.Hash {
	var root *tlog.Hash
	for level := range t.levels {
		if n := size >> level; n%2 == 1 {
			h := t.levels[level][n-1]
			if root != nil {
				h = tlog.NodeHash(h, *root)
			}
			root = &h
		}
	}
	if root == nil {
		return sha256.Sum256(nil)
	}
	return *root
}

// holds is whether a head is that of the first entries.
func (t *tree) holds(size uint64, root tlog.Hash) error {
	if size > t.size() {
		return fmt.Errorf("a head of %d entries, and there are %d", size, t.size())
	}
	if t.root(size) != root {
		return fmt.Errorf("the first %d entries have another root", size)
	}
	return nil
}

func hexHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func isBase64(text string) bool {
	_, err := strictBase64(text)
	return err == nil
}
