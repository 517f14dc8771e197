// Command verifier checks Rollcall's evidence without any of Rollcall's code.
//
//	verifier FILE...         whole archives: a tar file each, or the folder it unpacks to
//	verifier -scans FILE...  the same, and lists every scan with the interval and the receipts that place it
//	verifier -cases          single notes and proofs from standard input, see cases.go
//	verifier -questions      questions to the engine alone from standard input, see questions.go
//
// It is written from src/protocol/FORMAT.md and the C2SP specifications; hashes, inclusion and consistency are those
// of golang.org/x/mod/sumdb, the code that checks Go's own module log. For each archive it prints one line of JSON:
//
//	{"file": ..., "verdict": "verified", "entries": ..., "findings": [{"check", "state", "where", "what"}], "recount": [...]}
//
// A finding's state is "failed" or "not_checked". The recount has each decision of the ledger as it came out here, from
// the raw entries, with the minutes and credits, and whether the archive's own decision has the same bytes.
//
// Exit status: 0 where all are verified, 1 where one failed, 3 where one could be checked only partly, 4 where one is
// malformed, 2 for wrong usage; of several the worst: malformed, failed, partly.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
)

func main() {
	cases := flag.Bool("cases", false, "judge notes and proofs from standard input")
	questions := flag.Bool("questions", false, "answer questions from standard input")
	scans := flag.Bool("scans", false, "list every scan with what places it in time")
	flag.Parse()
	if *cases {
		judgeCases()
		return
	}
	if *questions {
		answerQuestions()
		return
	}
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(verifyAll(flag.Args(), *scans))
}

func verifyAll(paths []string, scans bool) int {
	out := bufio.NewWriter(os.Stdout)
	worst := 0
	for _, path := range paths {
		report := verifyArchive(path, scans)
		if severity(report.code()) > severity(worst) {
			worst = report.code()
		}
		if _, err := out.Write(report.line()); err != nil {
			fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		fatal(err)
	}
	return worst
}

// severity orders exit codes: nothing wrong, partly checked, failed, malformed.
func severity(code int) int {
	return map[int]int{0: 0, 3: 1, 1: 2, 4: 3}[code]
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "verifier:", err)
	os.Exit(1)
}
