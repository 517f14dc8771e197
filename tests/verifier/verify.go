package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// The checks of section 13, up to the ledger's decisions.

type journal struct {
	number   int
	log      describedLog
	entries  []entry
	tree     *tree
	accepted uint64
	// tail is the issuer's cosignature on the archive's own checkpoint.
	tail *uint64
}

type book struct {
	number    int
	log       describedLog
	entries   []entry
	tree      *tree
	witnesses map[string]publicKey
}

type run struct {
	files    files
	desc     *description
	report   *report
	book     *book
	journals []*journal
	branches []*branch
	bases    map[string]*asked
	seen     map[string]*observed
}

func verifyArchive(path string, listScans bool) *report {
	rep := newReport(path)
	found, err := openArchive(path)
	var closed unreadable
	if errors.As(err, &closed) {
		rep.gap(checkArchive, path, err.Error())
		return rep
	}
	r := &run{files: found, report: rep, bases: map[string]*asked{}, seen: map[string]*observed{}}
	if err == nil {
		var text []byte
		if text, err = found.whole("archive.json"); err == nil {
			r.desc, err = readDescription(text)
		}
	}
	if err != nil {
		rep.fail(checkArchive, path, err)
		rep.Verdict = malformed
		return rep
	}
	r.description()
	r.ledger()
	for number, log := range r.desc.logs {
		if log.is("journal") {
			r.journal(number, log)
		}
	}
	for number, log := range r.desc.logs {
		if log.is("branch") {
			r.branch(number, log)
		}
	}
	r.cases()
	r.missingJournals()
	r.objects()
	if r.book != nil {
		r.sources()
		r.decisions()
		r.certificates()
		r.revocations()
	}
	if listScans {
		for _, j := range r.journals {
			rep.Scans = append(rep.Scans, j.scanLines()...)
		}
	}
	return rep
}

func (r *run) description() {
	r.report.fail(checkArchive, "archive.json", must(isIssuer(r.desc.issuer), "no issuer's name"))
	origins, own, ledgers, based := map[string]bool{}, 0, 0, true
	for _, log := range r.desc.logs {
		based = based && log.is("branch") == (log.base != nil)
		if !log.is("branch") {
			origins[log.origin] = true
			own++
		}
		if log.is("ledger") {
			ledgers++
		}
	}
	r.report.fail(checkArchive, "archive.json", must(based, "a branch without a base, or a base of what is no branch"))
	r.report.fail(checkArchive, "archive.json", must(len(origins) == own, "two logs have one origin"))
	r.report.fail(checkArchive, "archive.json", must(ledgers <= 1, "more than one ledger"))
	r.report.fail(checkArchive, "archive.json", must(len(r.desc.logs) > 0, "no log"))
}

func entriesPath(number int) string    { return fmt.Sprintf("logs/%d/entries.ndjson", number) }
func checkpointPath(number int) string { return fmt.Sprintf("logs/%d/checkpoint.txt", number) }

func at(number int, index uint64) string {
	return fmt.Sprintf("%s entry %d", entriesPath(number), index)
}

// lines reads a log's entries after those of the tree, which grows by them.
func (r *run) lines(number int, log describedLog, t *tree) []entry {
	kinds := journalKinds
	if log.is("ledger") {
		kinds = ledgerKinds
	}
	var entries []entry
	rest, there := r.files[entriesPath(number)]
	if !there {
		r.report.fail(checkLogs, entriesPath(number), errors.New("not in the archive"))
	}
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 || end > maxEntry {
			r.report.fail(checkLogs, at(number, t.size()), errors.New("a line that is too long, or was cut"))
			break
		}
		if t.size() == log.size {
			r.report.fail(checkLogs, at(number, t.size()), errors.New("more entries than are described"))
			break
		}
		line := rest[:end]
		rest = rest[end+1:]
		var e entry
		if leaf, damaged := damagedLeaf(line); damaged {
			e = entry{leaf: leaf, damaged: true}
		} else {
			e = readEntry(line, kinds, log.is("ledger"))
		}
		t.append(e.leaf)
		entries = append(entries, e)
		r.report.Entries++
	}
	return entries
}

// checkpoint opens a log's newest checkpoint.
func (r *run) checkpoint(number int, log describedLog, key publicKey, t *tree) *checkpointNote {
	text, err := r.files.whole(checkpointPath(number))
	var c *checkpointNote
	if err == nil {
		c, err = parseCheckpointNote(string(text))
	}
	if err == nil {
		err = c.signedBy(log.origin, key)
	}
	if err == nil && (c.size != log.size || c.size != t.size()) {
		err = fmt.Errorf("the checkpoint is of %d entries, %d are described and %d were read", c.size, log.size, t.size())
	}
	if err == nil && c.root != t.root(c.size) {
		err = errors.New("the entries do not hash to the checkpoint")
	}
	if r.report.fail(checkLogs, checkpointPath(number), err) {
		return nil
	}
	return c
}

// cosignatures checks the further signatures on a checkpoint, and gives the times by name.
func (r *run) cosignatures(number int, c *checkpointNote, known map[string]publicKey) map[string]uint64 {
	times, own := map[string]uint64{}, false
	for _, sig := range c.sigs {
		if sig.name == c.origin && !own {
			own = true
			continue
		}
		key, isKnown := known[sig.name]
		if !isKnown {
			r.report.gap(checkCosignatures, checkpointPath(number), fmt.Sprintf("the key of %q is not known", sig.name))
			continue
		}
		seconds, err := c.cosignedBy(sig.name, key)
		if !r.report.fail(checkCosignatures, checkpointPath(number), err) {
			times[sig.name] = seconds
		}
	}
	return times
}

// ---- the ledger ----

func (r *run) ledger() {
	for number, log := range r.desc.logs {
		if log.is("ledger") {
			r.readLedger(number, log)
			return
		}
	}
	for _, check := range []string{checkLedger, checkKioskHeads, checkDecisions} {
		r.report.gap(check, "archive.json", "the archive has no ledger")
	}
}

func (r *run) readLedger(number int, log describedLog) {
	t := &tree{}
	entries := r.lines(number, log, t)
	b := &book{number: number, log: log, entries: entries, tree: t, witnesses: map[string]publicKey{}}
	for i, e := range entries {
		switch body := e.body.(type) {
		case nil:
			what := e.code + ": " + e.what
			if e.damaged {
				what = "its bytes are missing"
			}
			r.report.fail(checkLedger, at(number, uint64(i)), errors.New(what))
		case *eventBody:
			r.report.fail(checkLedger, at(number, uint64(i)), must(i == 0, "the event begins again"))
		case *kioskBody:
			b.witnesses[body.log] = body.key
		}
	}
	r.report.fail(checkLedger, "archive.json", must(log.origin == r.ledgerOrigin(), "this event's ledger has another origin"))
	r.report.fail(checkLedger, "archive.json", must(log.key == r.desc.issuerKey, "the ledger's key is not the issuer's"))
	r.report.fail(checkLedger, "archive.json", must(log.kiosk+log.door == "", "a ledger is of no kiosk and at no door"))
	r.report.fail(checkLedger, at(number, 0), r.begins(entries))
	if c := r.checkpoint(number, log, r.desc.issuerKey, t); c != nil {
		r.cosignatures(number, c, b.witnesses)
	}
	r.book = b
}

func (r *run) ledgerOrigin() string { return r.desc.issuer + "/event/" + r.desc.event }

func (r *run) begins(entries []entry) error {
	var event *eventBody
	if len(entries) > 0 {
		event, _ = entries[0].body.(*eventBody)
	}
	if event == nil {
		return errors.New("entry 0 is not the event")
	}
	if event.event != r.desc.event || event.issuer != r.desc.issuer || event.issuerKey != r.desc.issuerKey {
		return errors.New("entry 0 is of another event, issuer or key")
	}
	return nil
}

// ---- journals ----

func (r *run) journal(number int, log describedLog) {
	doors, enrolled := r.enrolment(log)
	t := &tree{}
	j := &journal{number: number, log: log, entries: r.lines(number, log, t), tree: t}
	for i := range j.entries {
		r.entry(j, uint64(i), doors, enrolled)
	}
	if c := r.checkpoint(number, log, log.key, t); c != nil {
		times := r.cosignatures(number, c, map[string]publicKey{r.desc.issuer: r.desc.issuerKey})
		if seconds, cosigned := times[r.desc.issuer]; cosigned {
			j.tail = &seconds
		}
	}
	if r.book != nil {
		r.kioskHeads(j)
		r.quarantine(j)
	}
	r.journals = append(r.journals, j)
}

// entry checks what one entry of a journal or a branch says.
func (r *run) entry(j *journal, index uint64, doors map[string]bool, enrolled bool) {
	e, where := &j.entries[index], at(j.number, index)
	if e.damaged {
		r.report.gap(checkLogs, where, "its bytes are damaged")
	}
	switch body := e.body.(type) {
	case *clockBody:
		body.verified = r.desc.issuerKey.verifyStatement("time", body.statement(), body.signature)
		r.report.fail(checkClocks, where, must(body.verified, "the issuer did not sign this answer"))
	case *timeCode:
		r.report.fail(checkClocks, where, body.open(r.desc.issuerKey))
	case *receiptBody:
		r.report.fail(checkReceipts, where, r.receipt(j, index, body))
	case *ledgerHeadBody:
		r.ledgerHead(j, index, body)
	case *scanBody:
		if enrolled && !doors[body.door] {
			r.report.fail(checkDoors, where, fmt.Errorf("the scan names the door %s", body.door))
		}
	}
}

// receipt checks a journalled receipt; it is a mark where both signed it and it covers no more than there was.
func (r *run) receipt(j *journal, index uint64, body *receiptBody) error {
	c, err := parseCheckpointNote(body.note)
	if err != nil {
		return err
	}
	if err := c.signedBy(j.log.origin, j.log.key); err != nil {
		return err
	}
	if body.timeS, err = c.cosignedBy(r.desc.issuer, r.desc.issuerKey); err != nil {
		return err
	}
	if c.size > index {
		return fmt.Errorf("it covers %d entries, and stands at %d", c.size, index)
	}
	body.size, body.mark = c.size, true
	return j.tree.holds(c.size, c.root)
}

func (r *run) ledgerHead(j *journal, index uint64, body *ledgerHeadBody) {
	c, err := parseCheckpointNote(body.note)
	if err == nil {
		err = c.signedBy(r.ledgerOrigin(), r.desc.issuerKey)
	}
	if err == nil {
		_, err = c.cosignedBy(j.log.origin, j.log.key)
	}
	if err == nil && r.book == nil {
		r.report.gap(checkLedgerHeads, at(j.number, index), "the archive has no ledger")
		return
	}
	if err == nil {
		err = r.book.tree.holds(c.size, c.root)
	}
	r.report.fail(checkLedgerHeads, at(j.number, index), err)
}

// enrolment gives the doors at which a journal's kiosk was enrolled, where the ledger can say.
func (r *run) enrolment(log describedLog) (doors map[string]bool, known bool) {
	where := "archive.json: " + log.origin
	if log.kiosk == "" {
		r.report.fail(checkEnrolment, where, errors.New("no kiosk is named for this journal"))
		return nil, false
	}
	own := r.desc.issuer + "/kiosk/" + log.kiosk + "/" + log.key.fingerprint()
	r.report.fail(checkEnrolment, where, must(own == log.origin, "a journal of this kiosk and key has another origin"))
	if r.book == nil {
		r.report.gap(checkEnrolment, where, "the archive has no ledger")
		return nil, false
	}
	doors = map[string]bool{}
	var err error
	for _, e := range r.book.entries {
		if body, is := e.body.(*kioskBody); is && body.log == log.origin {
			doors[body.door] = true
			if body.key != log.key || body.kiosk != log.kiosk {
				err = errors.New("the ledger enrolled this journal under another key or for another kiosk")
			}
		}
	}
	if len(doors) == 0 {
		err = errors.New("the ledger never enrolled this journal")
	} else if err == nil && !doors[log.door] {
		err = errors.New("the ledger enrolled this journal at another door")
	}
	r.report.fail(checkEnrolment, where, err)
	return doors, true
}

func (r *run) kioskHeads(j *journal) {
	var before uint64
	for i, e := range r.book.entries {
		head, is := e.body.(*headBody)
		if !is || head.log != j.log.origin {
			continue
		}
		var err error
		if head.from != before || head.size < head.from {
			err = fmt.Errorf("the batch goes from %d to %d entries, %d were held", head.from, head.size, before)
		} else {
			err = j.tree.holds(head.size, hashOf(head.root))
		}
		before = head.size
		if head.size > j.accepted {
			j.accepted = head.size
		}
		r.report.fail(checkKioskHeads, at(r.book.number, uint64(i)), err)
	}
}

func hashOf(text string) tlog.Hash {
	var h tlog.Hash
	decoded, err := hex.DecodeString(text)
	if err == nil {
		copy(h[:], decoded)
	}
	return h
}

func (r *run) quarantine(j *journal) {
	named := map[uint64]bool{}
	for i, e := range r.book.entries {
		body, is := e.body.(*quarantineBody)
		if !is || body.log != j.log.origin {
			continue
		}
		named[body.index] = true
		leaf := j.tree.leaf(body.index)
		var err error
		switch {
		case leaf == nil || *leaf != hashOf(body.leaf):
			err = fmt.Errorf("entry %d has another leaf hash", body.index)
		case j.entries[body.index].believed():
			err = fmt.Errorf("entry %d reads, yet it is quarantined", body.index)
		case body.index >= j.accepted:
			err = fmt.Errorf("entry %d was never accepted, yet it is quarantined", body.index)
		}
		r.report.fail(checkQuarantine, at(r.book.number, uint64(i)), err)
	}
	for i, e := range j.entries {
		if uint64(i) < j.accepted && e.body == nil && !e.damaged && !named[uint64(i)] {
			r.report.fail(checkQuarantine, at(j.number, uint64(i)), fmt.Errorf("it does not read (%s), and is not quarantined", e.code))
		}
	}
}

// believed is whether an entry reads, and its word on time, if that is what it is, is a mark.
func (e *entry) believed() bool {
	switch body := e.body.(type) {
	case nil:
		return false
	case *clockBody:
		return body.verified
	case *timeCode:
		return body.mark
	case *receiptBody:
		return body.mark
	}
	return true
}

func (r *run) journalOf(origin string) *journal {
	for _, j := range r.journals {
		if j.log.origin == origin {
			return j
		}
	}
	return nil
}

func (r *run) missingJournals() {
	if r.book == nil {
		return
	}
	missing := map[string]bool{}
	for i, e := range r.book.entries {
		head, is := e.body.(*headBody)
		if is && !missing[head.log] && r.journalOf(head.log) == nil {
			missing[head.log] = true
			r.report.gap(checkKioskHeads, at(r.book.number, uint64(i)), fmt.Sprintf("the journal %q is not in the archive", head.log))
		}
	}
}

func (j *journal) scanLines() []scanLine {
	h := readHistory(j.entries)
	var out []scanLine
	for i := range j.entries {
		if _, is := j.entries[i].body.(*scanBody); !is {
			continue
		}
		index := uint64(i)
		p := h.place(index, j.entries[i].stamp)
		line := scanLine{Log: j.log.origin, Index: index, Earliest: instantText(p.at.lo), Latest: instantText(p.at.hi), Quality: p.basis}
		if p.notBefore != nil {
			line.NotBefore = p.notBefore.line()
		}
		if p.notAfter != nil {
			line.NotAfter = p.notAfter.line()
		} else if j.tail != nil {
			line.NotAfter = &bracketLine{Time: secondsText(*j.tail), Covers: j.tree.size()}
		}
		out = append(out, line)
	}
	return out
}

func (k *keptReceipt) line() *bracketLine {
	index := k.index
	return &bracketLine{secondsText(k.timeS), k.size, &index}
}

func secondsText(seconds uint64) string {
	return instantText(held(receiptTime(seconds)))
}
