package main

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The part of TOML that a rule set can consist of. The rest (dates and floats) is no rule set's, so refusing it is right
// whatever it says.

// A tomlValue is a text, an integer, a truth, a table or a list.
type tomlValue struct {
	text   *string
	number *int64
	truth  *bool
	table  map[string]*tomlValue
	list   []*tomlValue
	isList bool
	// closed tables take no more keys: inline ones, and those made by a header or dotted keys elsewhere.
	inline, header, dotted bool
	// A list of tables made by headers.
	headers bool
}

type tomlParser struct {
	in  string
	pos int
}

var errTOML = errors.New("not the TOML of a rule set")

func newTable() *tomlValue { return &tomlValue{table: map[string]*tomlValue{}} }

func parseTOML(text string) (*tomlValue, error) {
	p := &tomlParser{in: text}
	root := newTable()
	current := root
	for {
		p.blanks()
		switch {
		case p.pos == len(p.in):
			return root, nil
		case p.line():
			continue
		case p.take("[["):
			path, err := p.key()
			p.blanks()
			if err != nil || !p.take("]]") {
				return nil, errTOML
			}
			if current, err = listed(root, path); err != nil {
				return nil, err
			}
		case p.take("["):
			path, err := p.key()
			p.blanks()
			if err != nil || !p.take("]") {
				return nil, errTOML
			}
			if current, err = header(root, path); err != nil {
				return nil, err
			}
		default:
			if err := p.pair(current); err != nil {
				return nil, err
			}
		}
		p.blanks()
		if p.pos < len(p.in) && !p.line() {
			return nil, errTOML
		}
	}
}

func (p *tomlParser) blanks() {
	for p.pos < len(p.in) && (p.in[p.pos] == ' ' || p.in[p.pos] == '\t') {
		p.pos++
	}
}

func (p *tomlParser) take(word string) bool {
	if strings.HasPrefix(p.in[p.pos:], word) {
		p.pos += len(word)
		return true
	}
	return false
}

// line takes a comment and a line's end; a comment may also end the text.
func (p *tomlParser) line() bool {
	if p.take("#") {
		for p.pos < len(p.in) && p.in[p.pos] != '\n' && !strings.HasPrefix(p.in[p.pos:], "\r\n") {
			if c := p.in[p.pos]; c < 0x20 && c != '\t' || c == 0x7f {
				return false
			}
			p.pos++
		}
		if p.pos == len(p.in) {
			return true
		}
	}
	return p.take("\n") || p.take("\r\n")
}

func (p *tomlParser) key() ([]string, error) {
	var path []string
	for {
		p.blanks()
		if p.pos == len(p.in) {
			return nil, errTOML
		}
		var part string
		var err error
		switch p.in[p.pos] {
		case '"':
			p.pos++
			part, err = p.basic()
		case '\'':
			p.pos++
			part, err = p.literal()
		default:
			start := p.pos
			for p.pos < len(p.in) && isBare(p.in[p.pos]) {
				p.pos++
			}
			if part = p.in[start:p.pos]; part == "" {
				err = errTOML
			}
		}
		if err != nil {
			return nil, err
		}
		path = append(path, part)
		p.blanks()
		if !p.take(".") {
			return path, nil
		}
	}
}

func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func header(root *tomlValue, path []string) (*tomlValue, error) {
	at := root
	for i, part := range path {
		next := at.table[part]
		last := i == len(path)-1
		switch {
		case next == nil:
			next = newTable()
			next.header = last
			at.table[part] = next
		case next.headers && !last:
			next = next.list[len(next.list)-1]
		case next.table == nil || next.inline || last && (next.header || next.dotted):
			return nil, errTOML
		case last:
			next.header = true
		}
		at = next
	}
	return at, nil
}

// listed begins one more table of a list of tables.
func listed(root *tomlValue, path []string) (*tomlValue, error) {
	at, name := root, path[len(path)-1]
	if len(path) > 1 {
		return nil, errTOML // No list of a rule set lies in a table.
	}
	if at.table[name] == nil {
		at.table[name] = &tomlValue{isList: true, headers: true}
	}
	list := at.table[name]
	if !list.headers {
		return nil, errTOML
	}
	made := newTable()
	made.header = true
	list.list = append(list.list, made)
	return made, nil
}

func (p *tomlParser) pair(in *tomlValue) error {
	path, err := p.key()
	if err != nil {
		return err
	}
	for _, part := range path[:len(path)-1] {
		next := in.table[part]
		if next == nil {
			next = newTable()
			next.dotted = true
			in.table[part] = next
		}
		if next.table == nil || next.inline || !next.dotted {
			return errTOML
		}
		in = next
	}
	last := path[len(path)-1]
	if in.table[last] != nil {
		return errTOML
	}
	p.blanks()
	if !p.take("=") {
		return errTOML
	}
	p.blanks()
	v, err := p.value()
	in.table[last] = v
	return err
}

func (p *tomlParser) value() (*tomlValue, error) {
	yes, no := true, false
	switch {
	case p.take(`"""`):
		return p.textOf(p.multi(`"""`, true))
	case p.take(`"`):
		return p.textOf(p.basic())
	case p.take(`'''`):
		return p.textOf(p.multi(`'''`, false))
	case p.take(`'`):
		return p.textOf(p.literal())
	case p.take("{"):
		return p.inline()
	case p.take("["):
		return p.array()
	case p.take("true"):
		return &tomlValue{truth: &yes}, nil
	case p.take("false"):
		return &tomlValue{truth: &no}, nil
	}
	start := p.pos
	for p.pos < len(p.in) && (isBare(p.in[p.pos]) || p.in[p.pos] == '+') {
		p.pos++
	}
	n, err := tomlInteger(p.in[start:p.pos])
	return &tomlValue{number: &n}, err
}

func (p *tomlParser) textOf(text string, err error) (*tomlValue, error) {
	return &tomlValue{text: &text}, err
}

func tomlInteger(text string) (int64, error) {
	base, digits := 10, text
	for prefix, b := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if strings.HasPrefix(text, prefix) {
			base, digits = b, text[2:]
		}
	}
	bare := digits
	if base == 10 {
		bare = strings.TrimPrefix(strings.TrimPrefix(digits, "+"), "-")
		if len(digits)-len(bare) > 1 || len(bare) > 1 && bare[0] == '0' {
			return 0, errTOML
		}
	} else if strings.HasPrefix(digits, "-") || strings.HasPrefix(digits, "+") {
		return 0, errTOML
	}
	if bare == "" || bare[0] == '_' || bare[len(bare)-1] == '_' || strings.Contains(bare, "__") {
		return 0, errTOML
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), base, 64)
	if err != nil {
		return 0, errTOML
	}
	return n, nil
}

func (p *tomlParser) inline() (*tomlValue, error) {
	v := newTable()
	p.blanks()
	if !p.take("}") {
		for {
			if err := p.pair(v); err != nil {
				return nil, err
			}
			p.blanks()
			if p.take("}") {
				break
			}
			if !p.take(",") {
				return nil, errTOML
			}
		}
	}
	v.close()
	return v, nil
}

func (v *tomlValue) close() {
	v.inline = true
	for _, kid := range v.table {
		if kid.table != nil {
			kid.close()
		}
	}
}

// array reads a list up to its end; lines may end and comments stand between its values.
func (p *tomlParser) array() (*tomlValue, error) {
	v := &tomlValue{isList: true}
	for {
		p.gaps()
		if p.take("]") {
			return v, nil
		}
		one, err := p.value()
		if err != nil {
			return nil, err
		}
		v.list = append(v.list, one)
		p.gaps()
		if p.take("]") {
			return v, nil
		}
		if !p.take(",") {
			return nil, errTOML
		}
	}
}

func (p *tomlParser) gaps() {
	for {
		p.blanks()
		if p.pos == len(p.in) || !p.line() {
			return
		}
	}
}

func (p *tomlParser) literal() (string, error) {
	start := p.pos
	for p.pos < len(p.in) && (p.in[p.pos] >= 0x20 && p.in[p.pos] != 0x7f || p.in[p.pos] == '\t') {
		if p.take("'") {
			return p.in[start : p.pos-1], nil
		}
		p.pos++
	}
	return "", errTOML
}

func (p *tomlParser) basic() (string, error) {
	var out strings.Builder
	for p.pos < len(p.in) && (p.in[p.pos] >= 0x20 && p.in[p.pos] != 0x7f || p.in[p.pos] == '\t') {
		c := p.in[p.pos]
		p.pos++
		switch c {
		case '"':
			return out.String(), nil
		case '\\':
			if err := p.escape(&out); err != nil {
				return "", err
			}
		default:
			out.WriteByte(c)
		}
	}
	return "", errTOML
}

func (p *tomlParser) escape(out *strings.Builder) error {
	if p.pos == len(p.in) {
		return errTOML
	}
	c := p.in[p.pos]
	p.pos++
	if at := strings.IndexByte(`btnfr"\`, c); at >= 0 {
		out.WriteByte("\b\t\n\f\r\"\\"[at])
		return nil
	}
	size := map[byte]int{'u': 4, 'U': 8}[c]
	if size == 0 || p.pos+size > len(p.in) {
		return errTOML
	}
	n, err := strconv.ParseUint(p.in[p.pos:p.pos+size], 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) || n > utf8.MaxRune {
		return errTOML
	}
	p.pos += size
	out.WriteRune(rune(n))
	return nil
}

// multi reads a text of several lines up to its three quotes; up to two quotes more belong to it.
func (p *tomlParser) multi(end string, escapes bool) (string, error) {
	var out strings.Builder
	if !p.take("\r\n") {
		p.take("\n")
	}
	for p.pos < len(p.in) {
		if p.take(end) {
			for i := 0; i < 2 && p.take(end[:1]); i++ {
				out.WriteByte(end[0])
			}
			return out.String(), nil
		}
		c := p.in[p.pos]
		if p.take("\r\n") {
			out.WriteString("\n")
			continue
		}
		if c < 0x20 && c != '\t' && c != '\n' || c == 0x7f {
			return "", errTOML
		}
		p.pos++
		if c != '\\' || !escapes {
			out.WriteByte(c)
			continue
		}
		if p.folded() {
			continue
		}
		if err := p.escape(&out); err != nil {
			return "", err
		}
	}
	return "", errTOML
}

// folded takes a line's end after a backslash, and all blanks after it.
func (p *tomlParser) folded() bool {
	at := p.pos
	p.blanks()
	if !p.take("\n") && !p.take("\r\n") {
		p.pos = at
		return false
	}
	for p.pos < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.pos]) >= 0 {
		p.pos++
	}
	return true
}
