package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

const maxEntry = 4096

var (
	directions = []string{"in", "out", "seen"}
	directedBy = []string{"reader", "staff", "toggled"}
	verdicts   = []string{"checked_in", "checked_out", "repeat", "unknown_badge", "revoked_badge", "not_registered", "no_session"}
	outcomes   = []string{"full", "partial", "none", "review"}
	reasons    = []string{"not_registered", "registration_cancelled", "manual_override", "no_attendance", "missing_check_in",
		"missing_check_out", "conflicting_signals", "clock_uncertain", "insufficient_evidence", "insufficient_engagement",
		"overlapping_sessions", "cap_reached", "below_minimum", "partial_credit", "met_duration_threshold"}
)

// One line of a log: an entry, or the leaf that is left of one.
type entry struct {
	leaf    tlog.Hash
	damaged bool
	// code says why an entry has no meaning; body is nil then, and where the line is damaged.
	code string
	what string
	body any
	// stamp is of a journal's entry, at of a ledger's.
	stamp stamp
	at    int64
}

type stamp struct {
	wall    int64
	boot    string
	rawMs   uint64
	synced  bool
	errorMs uint64
}

type bootBody struct{ suspend bool }

type clockBody struct {
	nonce             string
	sentRaw, recvRaw  uint64
	received, sent    int64
	errorMs           uint64
	receivedT, sentT  string
	signature         []byte
	verified, checked bool
}

type adoptBody struct{ agenda, roster string }

type scanBody struct {
	door, badge, key   string
	rooms              []string
	direction, source  string
	verdict            string
	provisionalOutcome []string
}

type staffBody struct{ index *uint64 }

type noteBody struct{ note string }

type otherBody struct{}

var journalKinds = map[string]func(*reader, *value) any{
	"boot":        readBoot,
	"clock":       readClock,
	"time_code":   readTimeCode,
	"adopt":       readAdopt,
	"scan":        readScan,
	"staff":       readStaff,
	"reader":      readReader,
	"receipt":     readNoteBody("receipt"),
	"ledger_head": readNoteBody("ledger_head"),
	"note":        readNumbers,
}

// readEntry gives a line its meaning, or the code of why it has none (section 3).
func readEntry(line []byte, kinds map[string]func(*reader, *value) any, ledger bool) entry {
	e := entry{leaf: tlog.RecordHash(line)}
	refuse := func(code, what string) entry {
		e.code, e.what = code, what
		return e
	}
	if len(line) > maxEntry {
		return refuse("too_long", "more than 4096 bytes")
	}
	if bytes.ContainsAny(line, "\r\n") {
		return refuse("not_one_line", "a carriage return")
	}
	v, err := parseJSON(line)
	if err != nil {
		return refuse("malformed", err.Error())
	}
	if version := v.get("v"); version != nil && version.kind == jsonNumber && version.text != "1" {
		return refuse("unknown_version", "version "+version.text)
	}
	r := &reader{}
	time := "time"
	if ledger {
		time = "at"
	}
	f := r.object(&v, "v", "kind", time, "body")
	f.version()
	kind := f.text("kind")
	if ledger {
		e.at = f.instant("at")
	} else {
		e.stamp = readStamp(r, f.get("time"))
	}
	f.must("body")
	if r.err != nil {
		return refuse("malformed", r.err.Error())
	}
	read := kinds[kind]
	if read == nil {
		return refuse("unknown_kind", fmt.Sprintf("kind %q", kind))
	}
	body := read(r, f.get("body"))
	if r.err != nil {
		return refuse("malformed", r.err.Error())
	}
	e.body = body
	return e
}

// damagedLeaf reads {"leaf":"<hash>"}.
func damagedLeaf(line []byte) (tlog.Hash, bool) {
	var leaf tlog.Hash
	if !bytes.HasPrefix(line, []byte(`{"leaf":`)) {
		return leaf, false
	}
	v, err := parseJSON(line)
	if err != nil {
		return leaf, false
	}
	r := &reader{}
	text := r.object(&v, "leaf").hash("leaf")
	if r.err != nil {
		return leaf, false
	}
	decoded, err := hex.DecodeString(text)
	copy(leaf[:], decoded)
	return leaf, err == nil
}

func readStamp(r *reader, v *value) stamp {
	f := r.object(v, "wall", "boot", "raw_ms", "sync", "error_ms")
	s := stamp{wall: f.instant("wall"), boot: f.checked("boot", isBoot), rawMs: f.u64("raw_ms")}
	s.synced = f.word("sync", "synced", "holdover", "unset") == "synced"
	if f.here("error_ms") {
		s.errorMs = f.u32("error_ms")
	}
	return s
}

func isBoot(text string) bool {
	return len(text) == 36 && strings.Trim(text, "0123456789abcdef-") == ""
}

func readBoot(r *reader, v *value) any {
	f := r.object(v, "cause", "boottime_ms", "software", "floor")
	f.u64("boottime_ms")
	f.text("software")
	f.instant("floor")
	return &bootBody{suspend: f.word("cause", "start", "suspend") == "suspend"}
}

func readClock(r *reader, v *value) any {
	f := r.object(v, "nonce", "sent_raw_ms", "issuer_received", "issuer_sent", "received_raw_ms", "issuer_error_ms", "signature")
	b := &clockBody{
		nonce:    f.text("nonce"),
		sentRaw:  f.u64("sent_raw_ms"),
		recvRaw:  f.u64("received_raw_ms"),
		received: f.instant("issuer_received"),
		sent:     f.instant("issuer_sent"),
		errorMs:  f.u32("issuer_error_ms"),
	}
	b.signature = f.base64("signature")
	return b
}

func (f fields) base64(key string) []byte {
	decoded, err := strictBase64(f.text(key))
	if err != nil {
		f.r.fail("%s: not base64", key)
	}
	return decoded
}

// statement is what the issuer signed (section 6).
func (b *clockBody) statement() string {
	return fmt.Sprintf("%s\n%s\n%s\n%d\n", b.nonce, instantText(b.received), instantText(b.sent), b.errorMs)
}

// A timeCode is what an organiser's phone showed (section 6); mark is whether the issuer made it.
type timeCode struct {
	text    string
	mark    bool
	at      int64
	errorMs uint64
	// The raw clock when it was scanned.
	raw uint64
}

func readTimeCode(r *reader, v *value) any {
	f := r.object(v, "reader", "code")
	f.id("reader")
	return &timeCode{text: f.text("code")}
}

// open reads a code that this issuer signed.
func (c *timeCode) open(issuer publicKey) error {
	const prefix, digits = "RCT1", 128
	if len(c.text) != len(prefix)+digits || c.text[:len(prefix)] != prefix {
		return errors.New("not a whole time code")
	}
	bytes, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(c.text[len(prefix):])
	// The decoder steps over line ends.
	if err != nil || len(bytes) != 80 {
		return errors.New("not a whole time code")
	}
	sum := sha256.Sum256(issuer[:])
	number := func(from, to int) (n uint64) {
		for _, b := range bytes[from:to] {
			n = n<<8 | uint64(b)
		}
		return n
	}
	if number(4, 10) > uint64(lastMs) {
		return errors.New("not a whole time code")
	}
	if string(bytes[:4]) != string(sum[:4]) || !issuer.verifyStatement("time-code", string(bytes[:16]), bytes[16:]) {
		return errors.New("the issuer did not sign this time code")
	}
	c.at, c.errorMs, c.mark = int64(number(4, 10)), number(10, 13), true
	return nil
}

func readAdopt(r *reader, v *value) any {
	f := r.object(v, "sequence", "bundle", "agenda", "roster", "rules")
	f.u64("sequence")
	f.hash("bundle")
	for _, rules := range r.list(f.get("rules")) {
		r.text(&rules)
	}
	return &adoptBody{agenda: f.hash("agenda"), roster: f.hash("roster")}
}

func readScan(r *reader, v *value) any {
	f := r.object(v, "door", "rooms", "reader", "symbology", "badge", "attendee", "direction", "direction_source", "verdict",
		"prior", "provisional", "bundle")
	b := &scanBody{
		door:      f.id("door"),
		rooms:     f.ids("rooms"),
		direction: f.word("direction", directions...),
		source:    f.word("direction_source", directedBy...),
		verdict:   f.word("verdict", verdicts...),
	}
	f.id("reader")
	if f.here("symbology") {
		f.text("symbology")
	}
	b.badge, b.key = readBadge(r, f.get("badge"))
	f.must("attendee")
	if f.here("attendee") {
		f.id("attendee")
	}
	if f.here("prior") {
		readPrior(r, f.get("prior"))
	}
	for _, provisional := range r.list(f.get("provisional")) {
		readProvisional(r, provisional)
	}
	f.u64("bundle")
	return b
}

func readBadge(r *reader, v *value) (digest, key string) {
	f := r.object(v, "digest", "key")
	return f.hash("digest"), f.text("key")
}

func readPrior(r *reader, v *value) {
	f := r.object(v, "room", "source", "index", "since")
	f.must("room")
	if f.here("room") {
		f.id("room")
	}
	f.word("source", "door", "issuer")
	if f.here("index") {
		f.u64("index")
	}
	f.optInstant("since")
}

func readProvisional(r *reader, v value) {
	f := r.object(&v, "programme", "outcome", "credits", "reason", "present_ms", "scheduled_ms", "rules", "engine")
	f.id("programme")
	f.word("outcome", outcomes...)
	f.must("credits")
	if f.here("credits") {
		f.decimal("credits")
	}
	f.word("reason", reasons...)
	f.i64("present_ms")
	f.i64("scheduled_ms")
	f.text("rules")
	f.text("engine")
}

func readStaff(r *reader, v *value) any {
	f := r.object(v, "action", "reason", "badge", "index")
	f.text("action")
	f.text("reason")
	if f.here("badge") {
		readBadge(r, f.get("badge"))
	}
	if f.here("index") {
		f.u64("index")
	}
	return &otherBody{}
}

func readReader(r *reader, v *value) any {
	f := r.object(v, "reader", "state", "refused")
	f.id("reader")
	f.word("state", "attached", "lost", "stalled", "flooding")
	f.u64("refused")
	return &otherBody{}
}

type receiptBody struct {
	note string
	// Filled in by the check of the journal.
	size  uint64
	timeS uint64
	mark  bool
}

type ledgerHeadBody struct{ note string }

func readNoteBody(kind string) func(*reader, *value) any {
	return func(r *reader, v *value) any {
		note := r.object(v, "note").text("note")
		if kind == "receipt" {
			return &receiptBody{note: note}
		}
		return &ledgerHeadBody{note: note}
	}
}

func readNumbers(r *reader, v *value) any {
	f := r.object(v, "code", "numbers")
	f.text("code")
	numbers := f.get("numbers")
	if numbers == nil || numbers.kind != jsonObject {
		r.fail("numbers: an object is missing")
		return &otherBody{}
	}
	for i, kid := range numbers.kids {
		if kid.kind != jsonNumber {
			r.fail("%s: an integer is missing", numbers.keys[i])
		}
		r.i64(numbers.keys[i], kid.text)
	}
	return &otherBody{}
}

// ---- the ledger ----

type eventBody struct {
	event, zone, issuer, badgeKey string
	issuerKey                     publicKey
}

type doorBody struct {
	door  string
	rooms []string
}

type kioskBody struct {
	kiosk, door, log string
	key              publicKey
}

type retirementBody struct{ kiosk string }

type doorLostBody struct{ door string }

type importBody struct {
	what, object, file string
	rows               uint64
}

type signalsBody struct {
	source, object string
	rows           uint64
}

// A retractionBody takes back an entry of signals, or one row of it; row is -1 where it names none.
type retractionBody struct {
	entry uint64
	row   int64
}

type rulesBody struct{ programme, rules, name, agenda string }

type headBody struct {
	log        string
	from, size uint64
	root       string
	receiptS   uint64
}

type quarantineBody struct {
	log   string
	index uint64
	leaf  string
	code  string
}

type decisionBody struct {
	attendee, programme, outcome, reason string
	credits                              *int64
	decision, basis                      string
	replaces                             *uint64
}

type certificateBody struct {
	certificate, attendee, programme string
	version, decision                uint64
	payload, pdf                     string
}

type revocationBody struct {
	certificate string
	version     uint64
}

type caseBody struct {
	log            string
	base, size     uint64
	root           string
	late, admitted bool
}

// An erasureBody is that what was known of a person was destroyed. Nothing rests on it.
type erasureBody struct{}

// A signBody is what a reviewer made of scans that look odd. Nothing rests on it.
type signBody struct{}

type recoveryBody struct {
	size uint64
	root string
}

var ledgerKinds = map[string]func(*reader, *value) any{
	"event": func(r *reader, v *value) any {
		f := r.object(v, "event", "title", "zone", "issuer", "issuer_key", "badge_key")
		f.text("title")
		return &eventBody{event: f.id("event"), zone: f.text("zone"), issuer: f.text("issuer"),
			issuerKey: f.key("issuer_key"), badgeKey: f.text("badge_key")}
	},
	"door": func(r *reader, v *value) any {
		f := r.object(v, "door", "title", "rooms")
		f.text("title")
		return &doorBody{door: f.id("door"), rooms: f.ids("rooms")}
	},
	"kiosk": func(r *reader, v *value) any {
		f := r.object(v, "kiosk", "door", "log", "public_key")
		return &kioskBody{kiosk: f.id("kiosk"), door: f.id("door"), log: f.text("log"), key: f.key("public_key")}
	},
	"retirement": func(r *reader, v *value) any {
		f := r.object(v, "kiosk", "reason", "operator")
		f.text("reason")
		f.text("operator")
		return &retirementBody{kiosk: f.id("kiosk")}
	},
	"door_lost": func(r *reader, v *value) any {
		f := r.object(v, "door", "reason", "operator")
		f.text("reason")
		f.text("operator")
		return &doorLostBody{door: f.id("door")}
	},
	"import": func(r *reader, v *value) any {
		f := r.object(v, "what", "format", "object", "file", "rows", "operator", "reason")
		f.text("format")
		f.behind()
		return &importBody{what: f.text("what"), object: f.hash("object"), file: f.hash("file"), rows: f.u64("rows")}
	},
	"signals": func(r *reader, v *value) any {
		f := r.object(v, "source", "object", "file", "rows", "operator", "reason")
		f.hash("file")
		f.behind()
		return &signalsBody{source: f.text("source"), object: f.hash("object"), rows: f.u64("rows")}
	},
	"retraction": func(r *reader, v *value) any {
		f := r.object(v, "entry", "row", "reason", "operator")
		f.text("reason")
		f.text("operator")
		b := &retractionBody{entry: f.u64("entry"), row: -1}
		if f.here("row") {
			b.row = int64(f.u32("row"))
		}
		return b
	},
	"rules": func(r *reader, v *value) any {
		f := r.object(v, "programme", "rules", "name", "agenda")
		return &rulesBody{programme: f.id("programme"), rules: f.hash("rules"), name: f.text("name"), agenda: f.hash("agenda")}
	},
	"kiosk_head": func(r *reader, v *value) any {
		f := r.object(v, "log", "from", "size", "root", "receipt_s")
		return &headBody{log: f.text("log"), from: f.u64("from"), size: f.u64("size"), root: f.hash("root"), receiptS: f.u64("receipt_s")}
	},
	"quarantine": func(r *reader, v *value) any {
		f := r.object(v, "log", "index", "leaf", "code")
		return &quarantineBody{log: f.text("log"), index: f.u64("index"), leaf: f.hash("leaf"), code: f.text("code")}
	},
	"decision": func(r *reader, v *value) any {
		f := r.object(v, "attendee", "programme", "outcome", "credits", "reason", "decision", "basis", "replaces")
		b := &decisionBody{attendee: f.id("attendee"), programme: f.id("programme"), outcome: f.word("outcome", outcomes...),
			reason: f.word("reason", reasons...), decision: f.hash("decision"), basis: f.hash("basis")}
		f.must("credits")
		if f.here("credits") {
			credits := f.decimal("credits")
			b.credits = &credits
		}
		if f.here("replaces") {
			replaces := f.u64("replaces")
			b.replaces = &replaces
		}
		return b
	},
	"certificate": func(r *reader, v *value) any {
		f := r.object(v, "certificate", "version", "attendee", "programme", "decision", "payload", "pdf")
		return &certificateBody{certificate: f.id("certificate"), version: f.u32("version"), attendee: f.id("attendee"),
			programme: f.id("programme"), decision: f.u64("decision"), payload: f.hash("payload"), pdf: f.hash("pdf")}
	},
	"case": func(r *reader, v *value) any {
		f := r.object(v, "case", "about", "log", "base", "size", "root", "outcome", "reason", "operator")
		for _, key := range []string{"case", "reason", "operator"} {
			f.text(key)
		}
		return &caseBody{log: f.text("log"), base: f.u64("base"), size: f.u64("size"), root: f.hash("root"),
			late: f.word("about", "fork", "late") == "late", admitted: f.word("outcome", "admitted", "denied") == "admitted"}
	},
	"erasure": func(r *reader, v *value) any {
		f := r.object(v, "attendee", "reason", "operator")
		f.id("attendee")
		f.text("reason")
		f.text("operator")
		return &erasureBody{}
	},
	"sign": func(r *reader, v *value) any {
		f := r.object(v, "sign", "about", "times", "evidence", "outcome", "reason", "operator")
		for _, key := range []string{"sign", "reason", "operator"} {
			f.text(key)
		}
		f.u32("times")
		f.word("about", "pair", "places", "taken_back")
		f.word("outcome", "explained", "upheld", "reopened")
		for _, one := range r.list(f.get("evidence")) {
			scan := r.object(&one, "log", "index")
			scan.text("log")
			scan.u64("index")
		}
		return &signBody{}
	},
	"recovery": func(r *reader, v *value) any {
		f := r.object(v, "size", "root", "kiosk", "reason", "operator")
		f.id("kiosk")
		f.text("reason")
		f.text("operator")
		return &recoveryBody{size: f.u64("size"), root: f.hash("root")}
	},
	"revocation": func(r *reader, v *value) any {
		f := r.object(v, "certificate", "version", "reason", "operator")
		f.text("reason")
		f.text("operator")
		return &revocationBody{certificate: f.id("certificate"), version: f.u32("version")}
	},
}

// behind takes whose word is behind an entry, where it is a person's.
func (f fields) behind() {
	for _, key := range []string{"operator", "reason"} {
		if f.here(key) {
			f.text(key)
		}
	}
}

// isIssuer is whether a text is an issuer's name (section 2).
func isIssuer(name string) bool {
	if len(name) < 1 || len(name) > 100 || name == "rollcall" || name == "cosignature" || !utf8.ValidString(name) {
		return false
	}
	for _, part := range strings.Split(name, ".") {
		if part == "" || part[0] == '-' || part[len(part)-1] == '-' ||
			strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
