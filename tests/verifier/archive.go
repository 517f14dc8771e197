package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxFiles     = 2000000
	maxFileBytes = 4 << 30
	maxWhole     = 64 << 20
	maxDepth     = 4
	// What one run takes into memory; larger archives are not checked, and it says so.
	maxArchive = 2 << 30
	block      = 512
)

// errTooLarge and a path that cannot be read say nothing about the archive: it is not checked.
var errTooLarge = errors.New("more than this program takes into memory")

type unreadable struct{ error }

// files are an archive's files by their paths.
type files map[string][]byte

func openArchive(path string) (files, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable{err}
	}
	found := files{}
	if info.IsDir() {
		left := int64(maxArchive)
		err = found.folder(path, "", 0, &left)
	} else {
		err = found.tarFile(path, info.Size())
	}
	if err != nil {
		return nil, err
	}
	return found.rooted()
}

func (f files) put(path string, content []byte) error {
	if _, twice := f[path]; twice {
		return fmt.Errorf("%s is there twice", path)
	}
	if len(f) == maxFiles || int64(len(content)) > maxFileBytes {
		return errors.New("more or larger files than an archive has")
	}
	f[path] = content
	return nil
}

func (f files) folder(at, prefix string, depth int, left *int64) error {
	if depth == maxDepth {
		return fmt.Errorf("%s is deeper than archives are", prefix)
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return unreadable{err}
	}
	for _, e := range entries {
		name, within := filepath.Join(at, e.Name()), prefix+e.Name()
		switch {
		case !utf8.ValidString(e.Name()):
			return errors.New("a name that is not UTF-8")
		case e.IsDir():
			err = f.folder(name, within+"/", depth+1, left)
		case e.Type().IsRegular():
			var content []byte
			if content, err = readBounded(name, *left); err == nil {
				*left -= int64(len(content))
				err = f.put(within, content)
			}
		default:
			err = fmt.Errorf("%s is neither file nor folder", within)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readBounded(path string, bound int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable{err}
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, bound+1))
	if err != nil {
		return nil, unreadable{err}
	}
	if int64(len(content)) > bound {
		return nil, unreadable{errTooLarge}
	}
	return content, nil
}

// tarFile reads the plain part of the format: names stand in headers, extension headers say nothing.
func (f files) tarFile(path string, size int64) error {
	if size > maxArchive {
		return unreadable{errTooLarge}
	}
	tar, err := readBounded(path, maxArchive)
	if err != nil {
		return err
	}
	any := false
	for at := 0; at < len(tar); {
		if len(tar)-at < block {
			return errors.New("the tar file was cut")
		}
		header := tar[at : at+block]
		if bytes.Count(header, []byte{0}) == block {
			break
		}
		bytes, err := headerSize(header)
		if err != nil {
			return err
		}
		any = true
		at += block
		kind := header[156]
		if kind != '5' && kind != 'x' && kind != 'g' {
			name, err := headerPath(header)
			if err != nil {
				return err
			}
			if kind != '0' && kind != 0 {
				return fmt.Errorf("%s is neither file nor folder", name)
			}
			if bytes > uint64(len(tar)-at) {
				return fmt.Errorf("the tar file was cut within %s", name)
			}
			if err := f.put(name, tar[at:at+int(bytes)]); err != nil {
				return err
			}
		}
		if bytes > uint64(len(tar)-at) {
			break
		}
		at += (int(bytes) + block - 1) / block * block
	}
	if !any {
		return errors.New("the tar file is empty")
	}
	return nil
}

func untilNul(field []byte) []byte {
	if nul := bytes.IndexByte(field, 0); nul >= 0 {
		return field[:nul]
	}
	return field
}

func octal(field []byte) (uint64, error) {
	return strconv.ParseUint(strings.TrimSpace(string(untilNul(field))), 8, 64)
}

func headerSize(header []byte) (uint64, error) {
	sum := uint64(8 * ' ')
	for i, b := range header {
		if i < 148 || i >= 156 {
			sum += uint64(b)
		}
	}
	stated, err := octal(header[148:156])
	if err != nil || stated != sum {
		return 0, errors.New("a tar header with another checksum")
	}
	if header[124]&0x80 == 0 {
		bytes, err := octal(header[124:136])
		if err != nil {
			return 0, errors.New("a tar header without a size")
		}
		return bytes, nil
	}
	var bytes uint64
	for _, b := range header[128:136] {
		bytes = bytes<<8 | uint64(b)
	}
	return bytes, nil
}

// headerPath is a path of plain names.
func headerPath(header []byte) (string, error) {
	name := string(untilNul(header[:100]))
	if string(header[257:265]) == "ustar\x0000" && header[345] != 0 {
		name = string(untilNul(header[345:500])) + "/" + name
	}
	var parts []string
	for _, part := range strings.Split(name, "/") {
		switch part {
		case "", ".":
		case "..":
			return "", fmt.Errorf("%q is not a plain relative path", name)
		default:
			parts = append(parts, part)
		}
	}
	if strings.HasPrefix(name, "/") || len(parts) == 0 || !utf8.ValidString(name) {
		return "", fmt.Errorf("%q is not a plain relative path", name)
	}
	return strings.Join(parts, "/"), nil
}

// rooted are the files from where the description lies: at the top, or in the one folder that has one.
func (f files) rooted() (files, error) {
	const description = "archive.json"
	if _, top := f[description]; top {
		return f, nil
	}
	root, found := "", 0
	for path := range f {
		if strings.HasSuffix(path, "/"+description) {
			root = strings.TrimSuffix(path, description)
			found++
		}
	}
	if found != 1 {
		return nil, errors.New("no archive.json")
	}
	within := files{}
	for path, content := range f {
		if strings.HasPrefix(path, root) {
			within[path[len(root):]] = content
		}
	}
	return within, nil
}

// whole is a file that is read at once.
func (f files) whole(path string) ([]byte, error) {
	content, there := f[path]
	if !there {
		return nil, fmt.Errorf("%s is not in the archive", path)
	}
	if len(content) > maxWhole {
		return nil, fmt.Errorf("%s has more than 64 MiB", path)
	}
	return content, nil
}

// object is one that hashes to its name.
func (f files) object(hash string) ([]byte, error) {
	if !isHash(hash) {
		return nil, fmt.Errorf("%q is no hash", hash)
	}
	content, err := f.whole("objects/" + hash)
	if err == nil && hexHash(content) != hash {
		err = fmt.Errorf("objects/%s does not hash to its name", hash)
	}
	return content, err
}

type description struct {
	event, issuer string
	issuerKey     publicKey
	logs          []describedLog
}

type describedLog struct {
	kind        string
	origin      string
	key         publicKey
	kiosk, door string
	size        uint64
	base        *uint64
}

func (l describedLog) is(kind string) bool { return l.kind == kind }

func readDescription(text []byte) (*description, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "format", "made", "software", "event", "issuer", "issuer_key", "logs")
	if f.text("format") != "rollcall-archive/1" {
		r.fail("another format")
	}
	f.instant("made")
	f.text("software")
	d := &description{event: f.id("event"), issuer: f.text("issuer"), issuerKey: f.key("issuer_key")}
	for _, kid := range r.list(f.get("logs")) {
		d.logs = append(d.logs, readDescribedLog(r, kid))
	}
	return d, r.err
}

func readDescribedLog(r *reader, v value) describedLog {
	f := r.object(&v, "kind", "origin", "key", "kiosk", "door", "size", "base")
	log := describedLog{
		kind:   f.word("kind", "journal", "ledger", "branch"),
		origin: f.text("origin"),
		key:    f.key("key"),
		size:   f.u64("size"),
	}
	if f.here("kiosk") {
		log.kiosk = f.id("kiosk")
	}
	if f.here("door") {
		log.door = f.id("door")
	}
	if f.here("base") {
		base := f.u64("base")
		log.base = &base
	}
	return log
}
