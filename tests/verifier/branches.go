package main

import (
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Branches that a reviewer admitted, late entries, and the cases that close them (section 4.1).

// A branch is a log of its own: the entries that it shares with its journal, and its own from base on.
type branch struct {
	journal
	base uint64
}

const branchMark = "/branch/"

func branchName(origin string, root tlog.Hash) string {
	return origin + branchMark + hex.EncodeToString(root[:])
}

func isBranch(name string) bool { return strings.Contains(name, branchMark) }

func (r *run) branch(number int, log describedLog) {
	where := entriesPath(number)
	parent, err := r.parent(log)
	if r.report.fail(checkBranches, where, err) {
		return
	}
	base := *log.base
	doors, enrolled := r.enrolment(log)
	t := &tree{}
	for _, e := range parent.entries[:base] {
		t.append(e.leaf)
	}
	own := r.lines(number, log, t)
	b := &branch{base: base}
	b.number, b.log, b.tree = number, log, t
	b.entries = append(append(b.entries, parent.entries[:base]...), own...)
	for index := base; index < t.size(); index++ {
		r.entry(&b.journal, index, doors, enrolled)
	}
	r.checkpoint(number, log, log.key, t)
	err = b.contradicts(parent)
	for _, other := range r.branches {
		if other.log.origin == log.origin && other.tree.root(other.tree.size()) == t.root(t.size()) {
			err = errors.New("the branch is in the archive twice")
		}
	}
	if err == nil {
		err = r.admits(b)
	}
	r.report.fail(checkBranches, where, err)
	r.branches = append(r.branches, b)
}

// parent is the journal that a branch contradicts.
func (r *run) parent(log describedLog) (*journal, error) {
	j := r.journalOf(log.origin)
	switch {
	case j == nil:
		return nil, errors.New("the journal of this branch is not in the archive")
	case j.log.key != log.key || j.log.kiosk != log.kiosk || j.log.door != log.door:
		return nil, errors.New("the branch is described otherwise than its journal")
	case log.base == nil || *log.base >= log.size:
		return nil, errors.New("the branch has no entries of its own")
	case *log.base > j.tree.size():
		return nil, errors.New("the branch shares more entries than its journal has")
	}
	return j, nil
}

func (b *branch) contradicts(parent *journal) error {
	theirs, own := parent.tree.leaf(b.base), b.tree.leaf(b.base)
	return must(theirs != nil && own != nil && *theirs != *own, "it does not contradict its journal where it begins")
}

func (r *run) admits(b *branch) error {
	if r.book != nil {
		for _, e := range r.book.entries {
			c, is := e.body.(*caseBody)
			if is && !c.late && c.admitted && c.size == b.tree.size() && b.isOf(c) {
				return nil
			}
		}
	}
	return errors.New("no case of the ledger admits it")
}

// isOf is whether a case is about this branch, or about so much of it.
func (b *branch) isOf(c *caseBody) bool {
	return b.log.origin == c.log && b.base == c.base && b.hasRoot(c.size, hashOf(c.root))
}

func (b *branch) hasRoot(size uint64, root tlog.Hash) bool {
	return size > b.base && size <= b.tree.size() && b.tree.root(size) == root
}

// branchOf is the branch that a basis names.
func (r *run) branchOf(l logPrefix) *branch {
	for _, b := range r.branches {
		if l.size > b.base && l.size <= b.tree.size() && branchName(b.log.origin, b.tree.root(l.size)) == l.log {
			return b
		}
	}
	return nil
}

// An ended enrolment: at which entry of the ledger, and how much of its journal was held.
type ended struct{ index, size uint64 }

// ledgerSoFar is what the ledger says of enrolments up to some entry.
type ledgerSoFar struct {
	logs     map[string]string
	held     map[string]uint64
	ended    map[string]ended
	heads    map[headKey]bool
	admitted map[logPrefix]bool
	// The greatest size of late entries admitted, and of any head.
	late, reached map[string]uint64
}

type headKey struct {
	log  string
	size uint64
	root string
}

func newLedgerSoFar() *ledgerSoFar {
	return &ledgerSoFar{map[string]string{}, map[string]uint64{}, map[string]ended{}, map[headKey]bool{}, map[logPrefix]bool{},
		map[string]uint64{}, map[string]uint64{}}
}

func (l *ledgerSoFar) take(index uint64, body any) {
	switch body := body.(type) {
	case *kioskBody:
		l.logs[body.kiosk] = body.log
	case *headBody:
		l.held[body.log] = body.size
		if l.reached[body.log] < body.size {
			l.reached[body.log] = body.size
		}
		l.heads[headKey{body.log, body.size, body.root}] = true
	case *retirementBody:
		log, enrolled := l.logs[body.kiosk]
		if _, before := l.ended[log]; enrolled && !before {
			l.ended[log] = ended{index, l.held[log]}
		}
	case *caseBody:
		if !body.admitted {
			return
		}
		name := body.log
		if !body.late {
			name = branchName(body.log, hashOf(body.root))
		} else if l.late[name] < body.size {
			l.late[name] = body.size
		}
		l.admitted[logPrefix{name, body.size}] = true
	}
}

// counted is how much of a journal decisions may rest on.
func (l *ledgerSoFar) counted(log string) uint64 {
	end, over := l.ended[log]
	switch {
	case !over:
		return l.reached[log]
	case l.late[log] > end.size:
		return l.late[log]
	}
	return end.size
}

// allow is whether a decision may rest on so much of a log.
func (l *ledgerSoFar) allow(p logPrefix) error {
	if isBranch(p.log) {
		return must(l.admitted[p], "the basis names a branch that no case had admitted before")
	}
	end, over := l.ended[p.log]
	return must(!over || p.size <= end.size || l.admitted[p], "the basis rests on late entries that no case had admitted before")
}

func (r *run) cases() {
	if r.book == nil {
		return
	}
	before := newLedgerSoFar()
	for i, e := range r.book.entries {
		where := at(r.book.number, uint64(i))
		switch body := e.body.(type) {
		case *caseBody:
			r.report.fail(checkCases, where, r.closes(where, body, before))
		case *recoveryBody:
			has := body.size <= r.book.tree.size() && r.book.tree.root(body.size) == hashOf(body.root)
			r.report.fail(checkCases, where, must(!has, "the head that it calls lost is in the ledger"))
		}
		before.take(uint64(i), e.body)
	}
}

func (r *run) closes(where string, c *caseBody, before *ledgerSoFar) error {
	if c.late {
		end, over := before.ended[c.log]
		if !over || end.size != c.base {
			return errors.New("its log's enrolment had not ended, or with another size")
		}
		return must(before.heads[headKey{c.log, c.size, c.root}], "no batch before it had reached that size and root")
	}
	if !c.admitted {
		return must(c.base < c.size, "it closes a branch without entries of its own")
	}
	if r.journalOf(c.log) == nil {
		r.report.gap(checkCases, where, "the journal is not in the archive")
		return nil
	}
	for _, b := range r.branches {
		if b.isOf(c) {
			return nil
		}
	}
	return errors.New("the branch that it admits is not in the archive")
}
