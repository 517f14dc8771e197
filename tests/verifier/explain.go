package main

import (
	"fmt"
	"strings"
)

// The explanation (section 11.7).

func span(ms int64) string {
	s := ms / 1000
	m, r := s/60, s%60
	switch {
	case m == 0:
		return fmt.Sprintf("%d s", r)
	case r == 0 || m >= 90:
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d min %d s", m, r)
}

var whyReason = map[string]string{
	"not_registered":          "not registered",
	"registration_cancelled":  "the registration did not hold",
	"manual_override":         "staff's denial outweighs what was seen",
	"no_attendance":           "no attendance recorded",
	"missing_check_in":        "a check-in is missing",
	"missing_check_out":       "a check-out is missing",
	"conflicting_signals":     "staff and what was seen disagree",
	"clock_uncertain":         "the clock leaves it open",
	"insufficient_evidence":   "a scan can be read both ways",
	"insufficient_engagement": "too few polls answered",
	"overlapping_sessions":    "time in several sessions counts once",
}

func (d *decided) explain(r *rules) string {
	parts := d.counted.parts
	var least, most, scheduled, graced int64
	for _, p := range parts {
		least, most, scheduled, graced = least+p.least, most+p.most, scheduled+p.full, graced+p.graced
	}
	text := fmt.Sprintf("Present %s of %s", span(least), span(scheduled))
	if span(least) != span(most) {
		text = fmt.Sprintf("Present between %s and %s of %s", span(least), span(most), span(scheduled))
	}
	if graced >= secondMs {
		text += fmt.Sprintf(", %s of it grace", span(graced))
	}
	text += d.bySources()
	text += byStaff(parts, confirmed) + byStaff(parts, denied)
	if need := r.need(); need != "" && len(parts) > 1 {
		text += "; " + need + " of each session needed"
	} else if need != "" {
		text += "; " + need + " needed"
	}
	if e := d.counted.least.engagement; e != nil {
		what := "polls"
		if e.answered.IsInt64() && e.answered.Int64() == 1 {
			what = "poll"
		}
		text += fmt.Sprintf("; %s %s answered, %s needed", e.answered, what, e.needed)
	}
	low, high := decimalText(d.least), decimalText(d.most)
	if d.review {
		text += fmt.Sprintf("; %s to %s credits, a reviewer decides", low, high)
	} else {
		text += fmt.Sprintf("; %s of %s credits", low, decimalText(d.counted.full))
	}
	if why := d.whyText(r); why != "" {
		text += " (" + why + ")"
	}
	return text + "."
}

func (r *rules) need() string {
	switch {
	case r.share > 0:
		return decimalText(times(r.share, 100)) + " %"
	case r.minutesMs > 0:
		return span(r.minutesMs)
	case r.full:
		return "all"
	}
	return ""
}

func (d *decided) bySources() string {
	known := map[string]bool{}
	for _, p := range d.counted.parts {
		for _, s := range p.stays {
			if p.most > 0 {
				known[s.source] = true
			}
		}
	}
	var names []string
	for _, source := range sourceWords {
		if known[source] {
			names = append(names, source)
		}
	}
	if len(names) == 0 || len(names) == 1 && known["scan"] {
		return ""
	}
	return ", by " + strings.Join(names, " and ")
}

func byStaff(parts []*part, word string) string {
	n := 0
	for _, p := range parts {
		if p.wordText() == word {
			n++
		}
	}
	switch {
	case n == 0:
		return ""
	case len(parts) == 1:
		return fmt.Sprintf("; %s by staff", word)
	case n == 1:
		return fmt.Sprintf("; 1 session %s by staff", word)
	}
	return fmt.Sprintf("; %d sessions %s by staff", n, word)
}

func (d *decided) whyText(r *rules) string {
	switch {
	case d.why != "":
		return d.why
	case d.reason == "cap_reached":
		return fmt.Sprintf("capped, %s before", decimalText(d.counted.most.beforeCaps))
	case d.reason != "below_minimum":
		return whyReason[d.reason]
	}
	met := false
	for _, p := range d.counted.parts {
		met = met || p.meets[onMost]
	}
	switch {
	case !met:
		return "below the threshold"
	case r.firstAward > 0:
		return "below the minimum of " + decimalText(times(r.firstAward, 1))
	}
	return "below a step of " + decimalText(times(r.step, 1))
}
