package main

import (
	"encoding/json"
	"errors"
)

// What a run says of one archive.

const (
	verified  = "verified"
	partly    = "partly"
	failed    = "failed"
	malformed = "malformed"

	notChecked  = "not_checked"
	maxFindings = 100
)

// The names of the checks, as FORMAT.md section 13 has them.
const (
	checkArchive      = "archive"
	checkLogs         = "logs"
	checkCosignatures = "cosignatures"
	checkLedger       = "ledger"
	checkEnrolment    = "enrolment"
	checkKioskHeads   = "kiosk_heads"
	checkReceipts     = "receipts"
	checkClocks       = "clocks"
	checkLedgerHeads  = "ledger_heads"
	checkQuarantine   = "quarantine"
	checkDoors        = "doors"
	checkBranches     = "branches"
	checkCases        = "cases"
	checkObjects      = "objects"
	checkSources      = "sources"
	checkDecisions    = "decisions"
	checkCertificates = "certificates"
	checkProofs       = "proofs"
	checkRevocations  = "revocations"
)

type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Where string `json:"where"`
	What  string `json:"what"`
}

// One decision counted again.
type recount struct {
	Decision    uint64   `json:"decision"`
	Attendee    string   `json:"attendee"`
	Programme   string   `json:"programme"`
	Certificate []string `json:"certificates"`
	LeastMs     int64    `json:"least_ms"`
	MostMs      int64    `json:"most_ms"`
	ScheduledMs int64    `json:"scheduled_ms"`
	Outcome     string   `json:"outcome"`
	Credits     string   `json:"credits"`
	Explanation string   `json:"explanation"`
	Agrees      bool     `json:"agrees"`
}

type bracketLine struct {
	Time         string  `json:"time"`
	Covers       uint64  `json:"covers"`
	JournalledAt *uint64 `json:"journalled_at"`
}

type scanLine struct {
	Log       string       `json:"log"`
	Index     uint64       `json:"index"`
	Earliest  string       `json:"earliest"`
	Latest    string       `json:"latest"`
	Quality   string       `json:"quality"`
	NotBefore *bracketLine `json:"not_before"`
	NotAfter  *bracketLine `json:"not_after"`
}

type report struct {
	File     string    `json:"file"`
	Verdict  string    `json:"verdict"`
	Entries  uint64    `json:"entries"`
	Findings []finding `json:"findings"`
	// Left is how many findings more there were than are listed.
	Left    int        `json:"findings_left_out"`
	Recount []recount  `json:"recount"`
	Scans   []scanLine `json:"scans,omitempty"`
}

func newReport(file string) *report {
	return &report{File: file, Verdict: verified, Findings: []finding{}, Recount: []recount{}}
}

func (r *report) put(state, check, where, what string) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, finding{check, state, where, what})
	} else {
		r.Left++
	}
}

// fail says that something does not hold; a nil error says that it does.
func (r *report) fail(check, where string, err error) bool {
	if err == nil {
		return false
	}
	r.Verdict = failed
	r.put(failed, check, where, err.Error())
	return true
}

// gap says that something could not be checked.
func (r *report) gap(check, where, what string) {
	if r.Verdict == verified {
		r.Verdict = partly
	}
	r.put(notChecked, check, where, what)
}

func (r *report) code() int {
	return map[string]int{verified: 0, failed: 1, partly: 3, malformed: 4}[r.Verdict]
}

func (r *report) line() []byte {
	line, err := json.Marshal(r)
	if err != nil {
		fatal(err)
	}
	return append(line, '\n')
}

func must(holds bool, what string) error {
	if holds {
		return nil
	}
	return errors.New(what)
}
