package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is read by hand because FORMAT.md section 1 is stricter than the standard library: keys are exact,
// unknown and repeated ones are refused, and integers have neither fraction nor exponent.

const maxJSONDepth = 128

type jsonKind byte

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// A value as it was written: a number keeps its digits, an object its keys in order.
type value struct {
	kind jsonKind
	text string
	keys []string
	kids []value
}

type jsonParser struct {
	in  string
	pos int
}

var errJSON = errors.New("not JSON")

func parseJSON(text []byte) (value, error) {
	if !utf8.Valid(text) {
		return value{}, errors.New("not UTF-8")
	}
	p := jsonParser{in: string(text)}
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.blanks()
	if p.pos != len(p.in) {
		return value{}, errJSON
	}
	return v, nil
}

func (p *jsonParser) blanks() {
	for p.pos < len(p.in) && strings.IndexByte(" \t\n\r", p.in[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *jsonParser) take(b byte) bool {
	if p.pos < len(p.in) && p.in[p.pos] == b {
		p.pos++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int) (value, error) {
	p.blanks()
	if depth >= maxJSONDepth {
		return value{}, errors.New("JSON nested too deep")
	}
	if p.pos == len(p.in) {
		return value{}, errJSON
	}
	switch p.in[p.pos] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		text, err := p.str()
		return value{kind: jsonString, text: text}, err
	}
	for word, kind := range map[string]jsonKind{"true": jsonBool, "false": jsonBool, "null": jsonNull} {
		if strings.HasPrefix(p.in[p.pos:], word) {
			p.pos += len(word)
			return value{kind: kind, text: word}, nil
		}
	}
	return p.number()
}

func (p *jsonParser) object(depth int) (value, error) {
	v := value{kind: jsonObject}
	p.pos++
	p.blanks()
	if p.take('}') {
		return v, nil
	}
	for {
		p.blanks()
		if p.pos == len(p.in) || p.in[p.pos] != '"' {
			return v, errJSON
		}
		key, err := p.str()
		if err != nil {
			return v, err
		}
		p.blanks()
		if !p.take(':') {
			return v, errJSON
		}
		kid, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.keys, v.kids = append(v.keys, key), append(v.kids, kid)
		p.blanks()
		if p.take('}') {
			return v, nil
		}
		if !p.take(',') {
			return v, errJSON
		}
	}
}

func (p *jsonParser) array(depth int) (value, error) {
	v := value{kind: jsonArray}
	p.pos++
	p.blanks()
	if p.take(']') {
		return v, nil
	}
	for {
		kid, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.kids = append(v.kids, kid)
		p.blanks()
		if p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return v, errJSON
		}
	}
}

func (p *jsonParser) str() (string, error) {
	p.pos++
	start := p.pos
	for p.pos < len(p.in) && p.in[p.pos] != '"' && p.in[p.pos] != '\\' && p.in[p.pos] >= 0x20 {
		p.pos++
	}
	if p.take('"') {
		return p.in[start : p.pos-1], nil
	}
	var out strings.Builder
	out.WriteString(p.in[start:p.pos])
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		p.pos++
		switch {
		case c == '"':
			return out.String(), nil
		case c < 0x20:
			return "", errJSON
		case c != '\\':
			out.WriteByte(c)
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out.WriteRune(r)
		}
	}
	return "", errJSON
}

func (p *jsonParser) escape() (rune, error) {
	if p.pos == len(p.in) {
		return 0, errJSON
	}
	c := p.in[p.pos]
	p.pos++
	if at := strings.IndexByte(`"\/bfnrt`, c); at >= 0 {
		return rune("\"\\/\b\f\n\r\t"[at]), nil
	}
	if c != 'u' {
		return 0, errJSON
	}
	first, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	if !p.take('\\') || !p.take('u') {
		return 0, errJSON
	}
	second, err := p.hex4()
	if err != nil {
		return 0, err
	}
	r := utf16.DecodeRune(first, second)
	if r == utf8.RuneError {
		return 0, errors.New("half a surrogate pair")
	}
	return r, nil
}

func (p *jsonParser) hex4() (rune, error) {
	if p.pos+4 > len(p.in) {
		return 0, errJSON
	}
	var r rune
	for _, c := range []byte(p.in[p.pos : p.pos+4]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if c < '0' || digit < 0 || (c > '9' && c < 'A') {
			return 0, errJSON
		}
		r = r<<4 | rune(digit)
	}
	p.pos += 4
	return r, nil
}

func (p *jsonParser) digits() int {
	start := p.pos
	for p.pos < len(p.in) && p.in[p.pos] >= '0' && p.in[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}

func (p *jsonParser) number() (value, error) {
	start := p.pos
	p.take('-')
	if !p.take('0') && p.digits() == 0 {
		return value{}, errJSON
	}
	if p.take('.') && p.digits() == 0 {
		return value{}, errJSON
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if p.digits() == 0 {
			return value{}, errJSON
		}
	}
	return value{kind: jsonNumber, text: p.in[start:p.pos]}, nil
}

// get is the last value of a key, or nil.
func (v *value) get(key string) *value {
	if v.kind != jsonObject {
		return nil
	}
	for i := len(v.keys) - 1; i >= 0; i-- {
		if v.keys[i] == key {
			return &v.kids[i]
		}
	}
	return nil
}

// A reader takes values apart and keeps the first thing that is wrong.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// An object of a reader, whose keys are known.
type fields struct {
	r *reader
	v *value
}

func (r *reader) object(v *value, keys ...string) fields {
	f := fields{r, v}
	if v == nil || v.kind != jsonObject {
		r.fail("an object is missing")
		f.v = &value{}
		return f
	}
	seen := make(map[string]bool, len(v.keys))
	for _, key := range v.keys {
		known := false
		for _, k := range keys {
			known = known || k == key
		}
		if !known {
			r.fail("unknown key %q", key)
		}
		if seen[key] {
			r.fail("repeated key %q", key)
		}
		seen[key] = true
	}
	return f
}

func (r *reader) list(v *value) []value {
	if v == nil || v.kind != jsonArray {
		r.fail("a list is missing")
		return nil
	}
	return v.kids
}

func (r *reader) text(v *value) string {
	if v == nil || v.kind != jsonString {
		r.fail("a text is missing")
		return ""
	}
	return v.text
}

func (f fields) get(key string) *value { return f.v.get(key) }
func (f fields) text(key string) string {
	if v := f.get(key); v != nil && v.kind == jsonString {
		return v.text
	}
	f.r.fail("%s: a text is missing", key)
	return ""
}

// here is whether an optional key has a value.
func (f fields) here(key string) bool {
	v := f.get(key)
	return v != nil && v.kind != jsonNull
}

// listed is a list that may be left out; null is none.
func (f fields) listed(key string) *value {
	if v := f.get(key); v != nil {
		return v
	}
	return &value{kind: jsonArray}
}

// truth is a flag that may be left out, and is then false.
func (f fields) truth(key string) bool {
	return f.here(key) && f.flag(key)
}

func (f fields) must(key string) {
	if f.get(key) == nil {
		f.r.fail("%s is missing", key)
	}
}

func (f fields) checked(key string, ok func(string) bool) string {
	text := f.text(key)
	if f.r.err == nil && !ok(text) {
		f.r.fail("%s: %q is not of its form", key, text)
	}
	return text
}

func (f fields) id(key string) string   { return f.checked(key, isID) }
func (f fields) hash(key string) string { return f.checked(key, isHash) }
func (f fields) word(key string, words ...string) string {
	return f.checked(key, func(text string) bool { return oneOf(text, words) })
}

func (f fields) ids(key string) []string {
	var out []string
	for i, v := range f.r.list(f.get(key)) {
		if v.kind != jsonString || !isID(v.text) {
			f.r.fail("%s %d is no id", key, i)
		}
		out = append(out, v.text)
	}
	return out
}

func (f fields) flag(key string) bool {
	v := f.get(key)
	if v == nil || v.kind != jsonBool {
		f.r.fail("%s: true or false is missing", key)
		return false
	}
	return v.text == "true"
}

func (f fields) integer(key string) string {
	v := f.get(key)
	if v == nil || v.kind != jsonNumber {
		f.r.fail("%s: an integer is missing", key)
		return "0"
	}
	return v.text
}

func (f fields) unsigned(key string, bits int) uint64 {
	n, err := strconv.ParseUint(f.integer(key), 10, bits)
	if err != nil {
		f.r.fail("%s: not an integer of %d bits", key, bits)
	}
	return n
}

func (f fields) u64(key string) uint64 { return f.unsigned(key, 64) }
func (f fields) u32(key string) uint64 { return f.unsigned(key, 32) }

func (f fields) i64(key string) int64 {
	return f.r.i64(key, f.integer(key))
}

func (r *reader) i64(key, digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || digits == "-0" {
		r.fail("%s: not an integer of 64 bits", key)
	}
	return n
}

func (f fields) instant(key string) int64 {
	ms, ok := parseInstant(f.text(key))
	if !ok {
		f.r.fail("%s: not an instant", key)
	}
	return ms
}

func (f fields) optInstant(key string) *int64 {
	if !f.here(key) {
		return nil
	}
	ms := f.instant(key)
	return &ms
}

func (f fields) decimal(key string) int64 {
	n, ok := parseDecimal(f.text(key))
	if !ok {
		f.r.fail("%s: not a decimal", key)
	}
	return n
}

func (f fields) version() {
	if f.u32("v") != 1 {
		f.r.fail("version is not 1")
	}
}

func oneOf(text string, words []string) bool {
	for _, word := range words {
		if word == text {
			return true
		}
	}
	return false
}

func isID(text string) bool {
	if len(text) < 1 || len(text) > 64 {
		return false
	}
	for _, c := range []byte(text) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

func isHex(text string, size int) bool {
	if len(text) != size {
		return false
	}
	for _, c := range []byte(text) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func isHash(text string) bool { return isHex(text, 64) }

// parseDecimal gives millionths.
func parseDecimal(text string) (int64, bool) {
	whole, negative := text, false
	if strings.HasPrefix(whole, "-") {
		whole, negative = whole[1:], true
	}
	fraction := ""
	if dot := strings.IndexByte(whole, '.'); dot >= 0 {
		fraction = whole[dot+1:]
		whole = whole[:dot]
		if len(fraction) < 1 || len(fraction) > 6 {
			return 0, false
		}
	}
	if len(whole) < 1 || len(whole) > 12 {
		return 0, false
	}
	var n int64
	for _, c := range []byte(whole + fraction + strings.Repeat("0", 6-len(fraction))) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// quote writes text as section 1 says.
func quote(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range []byte(text) {
		if at := strings.IndexByte("\"\\\b\f\n\r\t", c); at >= 0 {
			out.WriteByte('\\')
			out.WriteByte(`"\bfnrt`[at])
		} else if c < 0x20 {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

func fitsI64(n uint64) bool { return n <= math.MaxInt64 }
