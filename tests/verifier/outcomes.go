package main

import (
	"errors"
	"fmt"
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

// What the ledger says came of it: sources, decisions made again, certificates, revocations (section 13).

// asked is a basis with all that it names, or why it gives no answer.
type asked struct {
	basis     *basis
	agenda    *agenda
	roll      *roll
	rules     *rules
	programme *programme
	sessions  []*session
	// wrong fails its decisions; what is unknown, or a journal that is missing, leaves them unchecked.
	wrong            error
	unknown, missing string
	signals          map[string][]signal
}

func (r *run) sources() {
	takenBack := map[retractionBody]bool{}
	for i, e := range r.book.entries {
		var err error
		switch body := e.body.(type) {
		case *importBody:
			var text []byte
			if text, err = r.files.object(body.object); err == nil {
				switch body.what {
				case "agenda":
					_, err = readAgenda(text)
				case "registrations":
					_, err = readRegistrations(text)
				}
			}
		case *rulesBody:
			err = r.adopted(body)
		case *signalsBody:
			err = r.accepted(body)
		case *retractionBody:
			err = r.takesBack(uint64(i), body, takenBack)
		}
		r.report.fail(checkSources, at(r.book.number, uint64(i)), err)
	}
}

func (r *run) adopted(body *rulesBody) error {
	text, err := r.files.object(body.rules)
	if err != nil {
		return err
	}
	set, err := parseRules(text)
	if err != nil {
		return err
	}
	if set.name != body.name {
		return errors.New("the rule set has another name")
	}
	if text, err = r.files.object(body.agenda); err != nil {
		return err
	}
	a, err := readAgenda(text)
	if err != nil {
		return err
	}
	for _, p := range a.programmes {
		if p.id == body.programme && p.rules == body.rules {
			return nil
		}
	}
	return errors.New("the agenda does not name this rule set for the programme")
}

func (r *run) objects() {
	const folder = "objects/"
	var paths []string
	for path := range r.files {
		if len(path) > len(folder) && path[:len(folder)] == folder {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	for _, path := range paths {
		_, err := r.files.object(path[len(folder):])
		r.report.fail(checkObjects, path, err)
	}
}

// ---- decisions ----

func (r *run) decisions() {
	certified := map[uint64][]string{}
	for _, e := range r.book.entries {
		if body, is := e.body.(*certificateBody); is {
			certified[body.decision] = append(certified[body.decision], fmt.Sprintf("%s/%d", body.certificate, body.version))
		}
	}
	inForce := newForce()
	for i, e := range r.book.entries {
		index := uint64(i)
		if body, is := e.body.(*decisionBody); is {
			r.decision(index, body, inForce, certified[index])
		}
		inForce.take(index, e.body)
	}
}

func (r *run) decision(index uint64, body *decisionBody, inForce *force, certified []string) {
	where := at(r.book.number, index)
	q := r.ask(body.basis)
	if q.wrong == nil && q.unknown+q.missing != "" {
		r.report.gap(checkDecisions, where, q.unknown+q.missing)
		return
	}
	err := q.wrong
	if err == nil {
		err = inForce.allow(q.basis, r.book.log.origin, index)
	}
	if err == nil {
		err = r.leavesOut(index, q, body.attendee, inForce)
	}
	if err == nil {
		err = r.replaces(index, body)
	}
	if q.wrong == nil {
		d := q.decide(body.attendee)
		same := r.same(body, q, d)
		if err == nil {
			err = same
		}
		r.report.Recount = append(r.report.Recount, d.line(index, body, q.rules, certified, same == nil))
	}
	r.report.fail(checkDecisions, where, err)
}

func (d *decided) line(index uint64, body *decisionBody, rules *rules, certified []string, agrees bool) recount {
	out := recount{Decision: index, Attendee: body.attendee, Programme: body.programme, Certificate: certified,
		Outcome: d.outcome, Credits: decimalText(d.counted.least.total), Explanation: d.explain(rules), Agrees: agrees}
	for _, p := range d.counted.parts {
		out.LeastMs, out.MostMs, out.ScheduledMs = out.LeastMs+p.least, out.MostMs+p.most, out.ScheduledMs+p.scheduled
	}
	return out
}

// same is whether the ledger and the object say what came out.
func (r *run) same(body *decisionBody, q *asked, d *decided) error {
	text, err := r.files.object(body.decision)
	if err != nil {
		return err
	}
	explanation := d.explain(q.rules)
	if string(text) != d.write(body.attendee, q.basis.programme, body.basis, explanation) {
		return fmt.Errorf("made again it comes to: %s (outcome %s, reason %s)", explanation, d.outcome, d.reason)
	}
	credits := (body.credits == nil) == d.review &&
		(body.credits == nil || times(*body.credits, 1).Cmp(d.counted.least.total) == 0)
	return must(body.outcome == d.outcome && body.reason == d.reason && body.programme == q.basis.programme && credits,
		"the ledger's entry says something else than the decision")
}

func (r *run) replaces(index uint64, body *decisionBody) error {
	if body.replaces == nil {
		return nil
	}
	old, is := r.entryBefore(*body.replaces, index).(*decisionBody)
	if !is {
		return errors.New("it replaces what is no earlier decision")
	}
	return must(old.attendee == body.attendee && old.programme == body.programme, "it replaces a decision on somebody or something else")
}

func (r *run) entryBefore(index, before uint64) any {
	if index >= before || index >= uint64(len(r.book.entries)) {
		return nil
	}
	return r.book.entries[index].body
}

// force is what the ledger has named so far, with the entry that first did.
type force struct {
	agendas, registrations map[string]uint64
	rules                  map[[2]string]uint64
	sizes                  map[logPrefix]uint64
	batches                map[string][]batch
	enrolments             *ledgerSoFar
}

// batch is how many entries of a journal were held after an entry of the ledger.
type batch struct {
	index, size uint64
}

func newForce() *force {
	return &force{map[string]uint64{}, map[string]uint64{}, map[[2]string]uint64{}, map[logPrefix]uint64{}, map[string][]batch{}, newLedgerSoFar()}
}

func first[K comparable](known map[K]uint64, key K, index uint64) {
	if _, is := known[key]; !is {
		known[key] = index
	}
}

func (f *force) take(index uint64, body any) {
	f.enrolments.take(index, body)
	switch body := body.(type) {
	case *importBody:
		switch body.what {
		case "agenda":
			first(f.agendas, body.object, index)
		case "registrations":
			first(f.registrations, body.object, index)
		}
	case *rulesBody:
		first(f.agendas, body.agenda, index)
		first(f.rules, [2]string{body.programme, body.rules}, index)
	case *headBody:
		first(f.sizes, logPrefix{body.log, body.size}, index)
		f.batches[body.log] = append(f.batches[body.log], batch{index, body.size})
	}
}

func (f *force) allow(b *basis, ledger string, index uint64) error {
	agenda, hasAgenda := f.agendas[b.agenda]
	registrations, hasRegistrations := f.registrations[b.registrations]
	if !hasAgenda || !hasRegistrations {
		return errors.New("the basis names an agenda or registrations that were not imported before")
	}
	rules, hasRules := f.rules[[2]string{b.programme, b.rules}]
	if !hasRules {
		return errors.New("the basis names rules that were not in force before")
	}
	newest := newer(agenda, newer(registrations, rules))
	for _, l := range b.logs {
		if l.log == ledger {
			if l.size > index {
				return errors.New("the basis names more of the ledger than there was")
			}
			continue
		}
		if err := f.enrolments.allow(l); err != nil {
			return err
		}
		if l.size == 0 || isBranch(l.log) {
			continue
		}
		reached, has := f.sizes[l]
		if !has {
			return errors.New("the basis names a size of a journal that no batch had reached before")
		}
		newest = newer(newest, reached)
	}
	return f.complete(b, newest)
}

func newer(a, b uint64) uint64 {
	if a > b {
		return a
	}
	return b
}

// complete is whether a basis has all that was held of journals before the newest entry that it rests on.
func (f *force) complete(b *basis, newest uint64) error {
	named := map[string]uint64{}
	for _, l := range b.logs {
		named[l.log] = l.size
	}
	for log, batches := range f.batches {
		until := newest
		if end, over := f.enrolments.ended[log]; over && end.index < until {
			until = end.index
		}
		known := sort.Search(len(batches), func(i int) bool { return batches[i].index >= until })
		if known > 0 && batches[known-1].size > named[log] {
			return fmt.Errorf("the basis rests on %d entries of %s, of which %d were held", named[log], log, batches[known-1].size)
		}
	}
	return nil
}

// ask opens a basis once.
func (r *run) ask(hash string) *asked {
	if known := r.bases[hash]; known != nil {
		return known
	}
	q := &asked{}
	q.wrong = r.open(hash, q)
	r.bases[hash] = q
	return q
}

func (r *run) open(hash string, q *asked) error {
	text, err := r.files.object(hash)
	if err != nil {
		return err
	}
	if q.basis, err = readBasis(text); err != nil {
		return err
	}
	b := q.basis
	if b.event != r.desc.event {
		return errors.New("the basis is of another event")
	}
	if text, err = r.files.object(b.agenda); err != nil {
		return err
	}
	if q.agenda, err = readAgenda(text); err != nil {
		return err
	}
	if text, err = r.files.object(b.registrations); err != nil {
		return err
	}
	if q.roll, err = readRegistrations(text); err != nil {
		return err
	}
	if text, err = r.files.object(b.rules); err != nil {
		return err
	}
	if q.rules, err = parseRules(text); err != nil {
		return err
	}
	for _, l := range b.logs {
		if isBranch(l.log) {
			if r.branchOf(l) == nil {
				return errors.New("the basis names a branch that is not in the archive")
			}
			continue
		}
		if l.log == r.book.log.origin {
			if r.book.tree.size() < l.size {
				return errors.New("the basis names more of the ledger than the archive has")
			}
			continue
		}
		j := r.journalOf(l.log)
		if j == nil && l.size > 0 {
			q.missing = fmt.Sprintf("the journal %q is not in the archive", l.log)
		}
		if j != nil && j.tree.size() < l.size {
			return errors.New("the basis names more entries of a journal than the archive has")
		}
	}
	if b.version != 1 || b.engine != engineName {
		q.unknown = fmt.Sprintf("version %d and engine %q are not known here", b.version, b.engine)
		return nil
	}
	if !b.sorted() {
		return errors.New("the basis' logs are not in order")
	}
	if q.programme = q.agenda.programme(b.programme); q.programme == nil {
		return errors.New("the agenda does not have the programme")
	}
	q.sessions = q.agenda.sessionsOf(b.programme, q.rules)
	if q.missing == "" {
		q.signals = r.signals(q)
	}
	return nil
}

// signals are those of section 11.2, by attendee.
func (r *run) signals(q *asked) map[string][]signal {
	out := map[string][]signal{}
	for _, l := range q.basis.logs {
		j, from := r.journalOf(l.log), uint64(0)
		if b := r.branchOf(l); b != nil {
			j, from = &b.journal, b.base
		}
		if j == nil {
			continue
		}
		entries := j.entries[:l.size]
		h := readHistory(entries)
		for i := from; i < l.size; i++ {
			scan, is := entries[i].body.(*scanBody)
			if !is || !q.roll.counts(scan) {
				continue
			}
			s := signal{id: signalID{l.log, i, -1}, source: "scan", kind: scan.direction, toggled: scan.source == "toggled",
				rooms: scan.rooms, tick: h.tick(l.log, i, entries[i].stamp)}
			if rooms, known := q.agenda.doors[scan.door]; known {
				s.rooms = rooms
			}
			p := h.place(i, entries[i].stamp)
			s.at, s.quality = p.at, p.basis
			for _, attendee := range q.roll.credited(scan.badge) {
				out[attendee] = append(out[attendee], s)
			}
		}
	}
	r.rowsBelow(q.basis.sizeOf(r.book.log.origin), func(index uint64, row int64, object *observed) {
		attendee := q.roll.whose(&object.rows[row])
		s, placed := q.agenda.signal(signalID{r.book.log.origin, index, row}, object)
		if attendee != "" && placed {
			out[attendee] = append(out[attendee], s)
		}
	})
	return out
}

func (q *asked) decide(attendee string) *decided {
	question := &question{rules: q.rules, sessions: q.sessions, listed: q.agenda.listed(q.basis.programme), partOf: q.agenda.partOf,
		signals: q.signals[attendee], registration: q.roll.people[attendee], now: q.basis.now, incomplete: len(q.basis.incomplete)}
	return question.decide()
}

// ---- certificates ----

type payload struct {
	certificate, issuer, event, attendee, programme, programmeTitle string
	version, witnesses                                              uint64
	outcome, reason, explanation, rulesName, rules, decision        string
	credits                                                         int64
	sessions                                                        []sessionLine
	checkpoint, proof                                               string
}

type sessionLine struct {
	id, title             string
	start, end            int64
	presentMs, scheduleMs int64
}

func readPayload(text []byte) (*payload, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "salt", "certificate", "version", "issuer", "event", "event_title", "zone", "attendee", "name",
		"programme", "programme_title", "outcome", "credits", "reason", "explanation", "sessions", "rules_name", "rules",
		"decision", "issued", "verify_at", "proof")
	f.version()
	for _, text := range []string{"salt", "event_title", "zone", "name", "verify_at"} {
		f.text(text)
	}
	f.instant("issued")
	p := &payload{certificate: f.id("certificate"), version: f.u32("version"), issuer: f.text("issuer"), event: f.id("event"),
		attendee: f.id("attendee"), programme: f.id("programme"), programmeTitle: f.text("programme_title"),
		outcome: f.word("outcome", outcomes...), credits: f.decimal("credits"), reason: f.word("reason", reasons...),
		explanation: f.text("explanation"), rulesName: f.text("rules_name"), rules: f.text("rules"), decision: f.text("decision")}
	for _, kid := range r.list(f.get("sessions")) {
		s := r.object(&kid, "session", "title", "start", "end", "present_ms", "scheduled_ms")
		p.sessions = append(p.sessions, sessionLine{s.id("session"), s.text("title"), s.instant("start"), s.instant("end"),
			s.i64("present_ms"), s.i64("scheduled_ms")})
	}
	proof := r.object(f.get("proof"), "checkpoint", "decision", "witnesses")
	p.checkpoint, p.proof, p.witnesses = proof.text("checkpoint"), proof.text("decision"), proof.u32("witnesses")
	return p, r.err
}

func (r *run) certificates() {
	newest := map[string]uint64{}
	for i, e := range r.book.entries {
		body, is := e.body.(*certificateBody)
		if !is {
			continue
		}
		where := at(r.book.number, uint64(i))
		before := newest[body.certificate]
		newest[body.certificate] = body.version
		if body.version != before+1 {
			r.report.fail(checkCertificates, where, fmt.Errorf("version %d follows version %d", body.version, before))
			continue
		}
		r.certificate(where, uint64(i), body)
	}
}

func (r *run) certificate(where string, index uint64, body *certificateBody) {
	decision, err := r.certified(index, body)
	_, hasPayload := r.files["objects/"+body.payload]
	_, hasPDF := r.files["objects/"+body.pdf]
	if !hasPayload && err == nil {
		r.report.gap(checkCertificates, where, "its content is not in the archive: erased, or left out")
		return
	}
	if !hasPDF {
		r.report.gap(checkCertificates, where, "its PDF is not in the archive: erased, or left out")
	}
	if r.report.fail(checkCertificates, where, err) {
		return
	}
	q := r.ask(decision.basis)
	if q.wrong != nil || q.unknown != "" {
		r.report.gap(checkCertificates, where, "its decision could not be made again")
		return
	}
	text, err := r.files.object(body.payload)
	var p *payload
	if err == nil {
		p, err = readPayload(text)
	}
	if err == nil {
		err = r.says(body, decision, q, p)
	}
	if !r.report.fail(checkCertificates, where, err) {
		r.report.fail(checkProofs, where, r.proves(body, p))
	}
}

func (r *run) certified(index uint64, body *certificateBody) (*decisionBody, error) {
	decision, is := r.entryBefore(body.decision, index).(*decisionBody)
	if !is {
		return nil, errors.New("it rests on no earlier decision")
	}
	if decision.attendee != body.attendee || decision.programme != body.programme {
		return nil, errors.New("it rests on a decision on somebody or something else")
	}
	return decision, must(decision.outcome == "full" || decision.outcome == "partial", "it rests on a decision that awards nothing")
}

// says is whether a certificate repeats its decision.
func (r *run) says(body *certificateBody, decision *decisionBody, q *asked, p *payload) error {
	event, _ := r.book.entries[0].body.(*eventBody)
	text, err := r.files.object(decision.decision)
	if err != nil {
		return err
	}
	d, err := readDecision(text)
	if err != nil {
		return err
	}
	lines := q.sessionLines(d)
	same := len(lines) == len(p.sessions)
	for i := 0; same && i < len(lines); i++ {
		same = lines[i] == p.sessions[i]
	}
	for _, check := range []error{
		must(p.certificate == body.certificate && p.version == body.version, "its code or version is not the ledger's"),
		must(p.attendee == body.attendee && p.programme == body.programme, "it is on somebody or something else"),
		must(decision.credits != nil && p.outcome == decision.outcome && p.credits == *decision.credits, "its credits are not the decision's"),
		must(p.reason == decision.reason && p.decision == decision.decision, "its reason or decision is another"),
		must(event != nil && p.issuer == event.issuer && p.event == event.event, "it is of another issuer or event"),
		must(p.explanation == d.explanation, "its sentence is not the decision's"),
		must(p.rules == q.basis.rules && p.rulesName == q.rules.name, "it names other rules"),
		must(p.programmeTitle == q.programme.title, "its programme has another title"),
		must(same, "its sessions, their times or their minutes are not the decision's"),
	} {
		if check != nil {
			return check
		}
	}
	return nil
}

// sessionLines are the sessions of a decision as a certificate shows them.
func (q *asked) sessionLines(d *writtenDecision) []sessionLine {
	var lines []sessionLine
	for _, part := range d.parts {
		for _, s := range q.sessions {
			if s.id == part.session && part.leastMs > 0 {
				lines = append(lines, sessionLine{s.id, s.title, s.window.lo, s.window.hi, part.leastMs, part.scheduledMs})
				break
			}
		}
	}
	return lines
}

// proves is whether the proof leads from the decision's entry to a head of this ledger, cosigned as it says.
func (r *run) proves(body *certificateBody, p *payload) error {
	head, err := parseCheckpointNote(p.checkpoint)
	if err != nil {
		return err
	}
	if err := head.signedBy(r.book.log.origin, r.desc.issuerKey); err != nil {
		return err
	}
	if err := r.book.tree.holds(head.size, head.root); err != nil {
		return err
	}
	proof, err := parseTlogProof(p.proof)
	if err != nil {
		return err
	}
	if err := proof.checkpoint.signedBy(r.book.log.origin, r.desc.issuerKey); err != nil {
		return err
	}
	leaf := r.book.tree.leaf(body.decision)
	if proof.index != body.decision || leaf == nil || proof.index >= proof.checkpoint.size {
		return errors.New("the proof is of another entry than the decision")
	}
	if err := tlog.CheckRecord(proof.path, int64(proof.checkpoint.size), proof.checkpoint.root, int64(proof.index), *leaf); err != nil {
		return err
	}
	if proof.checkpoint.size != head.size || proof.checkpoint.root != head.root {
		return errors.New("the proof leads to another head than the one stated")
	}
	var cosigned uint64
	for origin, key := range r.book.witnesses {
		if _, err := head.cosignedBy(origin, key); err == nil {
			cosigned++
		}
	}
	return must(cosigned == p.witnesses, "another number of kiosks cosigned the head than it says")
}

func (r *run) revocations() {
	type version struct {
		certificate string
		version     uint64
	}
	issued, kiosks, doors := map[version]bool{}, map[string]bool{}, map[string]bool{}
	for i, e := range r.book.entries {
		var err error
		switch body := e.body.(type) {
		case *certificateBody:
			issued[version{body.certificate, body.version}] = true
		case *kioskBody:
			kiosks[body.kiosk] = true
		case *doorBody:
			doors[body.door] = true
		case *revocationBody:
			err = must(issued[version{body.certificate, body.version}], "no certificate of this code and version was issued before")
		case *retirementBody:
			err = must(kiosks[body.kiosk], "no kiosk of this id was enrolled before")
		case *doorLostBody:
			err = must(doors[body.door], "no door of this id is known before")
		}
		r.report.fail(checkRevocations, at(r.book.number, uint64(i)), err)
	}
}
