package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
)

// Questions put to the engine alone, for the tests: signals as they are, without logs that would have to be read first.
//
// Input is one JSON object a line:
//
//	{"rules": "<text>", "agenda": "<object>", "registrations": "<object>", "programme": id, "attendee": id, "signals": [...],
//	 "now": instant, "incomplete_doors": int}
//
// with signals as {"log", "index", "row"?, "source", "kind", "toggled", "rooms", "session"?, "device"?, "poll"?, "earliest",
// "latest", "quality", "segment"?, "raw_ms"?}. Output is one line for each: the decision's bytes, its basis being empty, or
// "refused: " and why.

const maxQuestion = 4 << 20

func answerQuestions() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, maxLine), maxQuestion)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		text, err := answerQuestion(lines.Bytes())
		if err != nil {
			text = fmt.Sprintf("refused: %q", err.Error())
		}
		fmt.Fprintln(out, text)
	}
	if err := lines.Err(); err != nil {
		fatal(err)
	}
}

func answerQuestion(line []byte) (string, error) {
	v, err := parseJSON(line)
	if err != nil {
		return "", err
	}
	r := &reader{}
	f := r.object(&v, "rules", "agenda", "registrations", "programme", "attendee", "signals", "now", "incomplete_doors")
	attendee, programme := f.id("attendee"), f.id("programme")
	q := &question{now: f.instant("now"), incomplete: int(f.u32("incomplete_doors"))}
	if q.rules, err = parseRules([]byte(f.text("rules"))); err != nil {
		return "", err
	}
	a, err := readAgenda([]byte(f.text("agenda")))
	if err != nil {
		return "", err
	}
	people, err := readRegistrations([]byte(f.text("registrations")))
	if err != nil {
		return "", err
	}
	for _, kid := range r.list(f.get("signals")) {
		q.signals = append(q.signals, readQuestionSignal(r, kid))
	}
	if r.err != nil {
		return "", r.err
	}
	if a.programme(programme) == nil {
		return "", errors.New("no such programme")
	}
	q.sessions, q.listed = a.sessionsOf(programme, q.rules), a.listed(programme)
	q.partOf, q.registration = a.partOf, people.people[attendee]
	d := q.decide()
	return d.write(attendee, programme, "", d.explain(q.rules)), nil
}

func readQuestionSignal(r *reader, v value) signal {
	f := r.object(&v, "log", "index", "row", "source", "kind", "toggled", "rooms", "session", "device", "poll", "earliest", "latest",
		"quality", "segment", "raw_ms")
	s := signal{id: signalID{f.text("log"), f.u64("index"), -1}, source: f.text("source"), kind: f.word("kind", signalKinds...),
		toggled: f.flag("toggled"), rooms: f.ids("rooms"), at: interval{f.instant("earliest"), f.instant("latest")},
		quality: f.text("quality")}
	if f.here("row") {
		s.id.row = int64(f.u32("row"))
	}
	for key, text := range map[string]*string{"session": &s.session, "device": &s.device, "poll": &s.poll} {
		if f.here(key) {
			*text = f.text(key)
		}
	}
	if f.here("segment") {
		s.tick = &tick{s.id.log, int(f.u32("segment")), f.u64("raw_ms")}
	}
	return s
}
