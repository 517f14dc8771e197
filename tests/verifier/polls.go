package main

import "math/big"

// Polls of those whom nothing but a platform shows (section 11.5, steps 3 and 9).

var trillion = big.NewInt(million * million)

// needs is how many polls must be answered for so much credit in these sessions.
func (q *question) needs(c credits, alone []int, weights []*big.Int, parts []*part) *big.Int {
	offered := new(big.Int)
	for _, i := range alone {
		if weights[i].Sign() > 0 {
			offered.Add(offered, new(big.Int).SetUint64(parts[i].session.pollsOffered))
		}
	}
	byCredit := ceilDiv(product(big.NewInt(q.rules.pollsPerCredit), c), trillion)
	byShare := ceilDiv(product(big.NewInt(q.rules.pollMinShare), offered), big.NewInt(million))
	return greater(byCredit, byShare)
}

// answers counts the different polls answered in each of some sessions.
func (q *question) answers(numbers []int, parts []*part, which int) int64 {
	type poll struct {
		session int
		id      string
	}
	known := map[poll]bool{}
	for _, b := range q.day.polls {
		for _, i := range numbers {
			s := parts[i].session
			counts := b.spot.session && b.spot.id == s.id
			if !b.spot.session && oneSession(s, q.served(b.spot)) {
				counts = which == onLeast && within(b.at, s) || which == onMost && touches(b.at, s)
			}
			if counts {
				known[poll{i, b.poll}] = true
			}
		}
	}
	return int64(len(known))
}

// finds is whether a unit with so much in alone sessions is short or bare.
func (q *question) finds(a *big.Int, answered int64, needed *big.Int, h repairs) (short, bare bool) {
	if a.Sign() == 0 {
		return false, false
	}
	short = !h.noneShort && big.NewInt(answered).Cmp(needed) < 0
	return short, !h.aloneCounts && q.rules.platformAlone != "counts" && answered == 0
}

// polls takes off a unit what its polls do not hold; it gives how many were needed.
func (q *question) polls(u *unit, numbers []int, parts []*part, which int, h repairs) *big.Int {
	var alone []int
	var weights []*big.Int
	for _, i := range numbers {
		if parts[i].isAlone(which) {
			alone, weights = append(alone, i), append(weights, u.weights[i])
		}
	}
	a := sum(weights, maxWeight)
	c := q.onGrid(a)
	needed := q.needs(c, alone, u.weights, parts)
	u.answered = q.answers(numbers, parts, which)
	u.short, u.bare = q.finds(a, u.answered, needed, h)
	left := a
	gone := func(policy string) bool { return policy == "none" || policy == "review" && which == onLeast }
	switch {
	case u.bare && gone(q.rules.platformAlone), u.short && gone(q.rules.pollShort):
		left = new(big.Int)
	case u.short && q.rules.pollShort == "reduce":
		left = smaller(a, q.reduced(c, big.NewInt(u.answered), needed))
	}
	if left.Cmp(a) < 0 {
		for _, i := range alone {
			u.weights[i] = new(big.Int).Div(product(u.weights[i], left), a)
		}
		u.sum = new(big.Int).Sub(u.sum, new(big.Int).Sub(a, left))
	}
	return needed
}

// reduced is the weight of what the answers hold.
func (q *question) reduced(c, answered, needed *big.Int) *big.Int {
	m := c
	if q.rules.pollsPerCredit > 0 {
		m = smaller(m, new(big.Int).Div(product(answered, trillion), big.NewInt(q.rules.pollsPerCredit)))
	}
	if q.rules.pollMinShare > 0 {
		m = smaller(m, new(big.Int).Div(product(c, answered), needed))
	}
	step := big.NewInt(q.rules.step)
	return product(big.NewInt(q.rules.unitMs), step, new(big.Int).Div(m, step))
}

// ---- whether the sides are open ----

func (q *question) isOpen(c *count, h repairs) bool {
	cells := q.cells()
	if len(cells) > 1 && !sameAll(c.least.cells, c.most.cells) {
		return true
	}
	for n, numbers := range q.unitsOf(c.parts) {
		low, high := c.least.units[n], c.most.units[n]
		if q.asksPolls() && q.pollsOpen(low, high, numbers, c.parts, h) {
			return true
		}
		if q.rules.perField || len(cells) < 2 || sameAll(low.cells, high.cells) {
			continue
		}
		step := big.NewInt(q.rules.step)
		one, other := new(big.Int).Div(low.credits, step), new(big.Int).Div(high.credits, step)
		if one.Cmp(other) != 0 || one.Sign() > 0 && !settled(one, low.cells, high.cells) {
			return true
		}
	}
	return false
}

// pollsOpen is whether short or bare comes out differently where the sides are mixed at worst.
func (q *question) pollsOpen(low, high *unit, numbers []int, parts []*part, h repairs) bool {
	type mix struct {
		a, needed   *big.Int
		answered    int64
		short, bare bool
	}
	mixed := func(weights []*big.Int, which int, answered int64) mix {
		var alone []int
		var these []*big.Int
		for _, i := range numbers {
			if parts[i].isAlone(which) {
				alone, these = append(alone, i), append(these, weights[i])
			}
		}
		m := mix{a: sum(these, maxWeight), answered: answered}
		m.needed = q.needs(q.onGrid(m.a), alone, weights, parts)
		m.short, m.bare = q.finds(m.a, answered, m.needed, h)
		return m
	}
	hard, easy := mixed(high.first, onLeast, low.answered), mixed(low.first, onMost, high.answered)
	open := hard.short != easy.short
	if q.rules.pollShort == "reduce" {
		open = hard.short && (hard.a.Cmp(easy.a) != 0 || hard.answered != easy.answered || hard.needed.Cmp(easy.needed) != 0)
	}
	return open || hard.bare != easy.bare
}

// settled is whether n is dealt out alike by all weights between those of two sides.
func settled(n *big.Int, low, high []*big.Int) bool {
	var all, most big.Int
	for i := range low {
		all.Add(&all, low[i])
		most.Add(&most, high[i])
	}
	left := new(big.Int).Set(n)
	var over, under []*big.Rat // hi and lo less their floors
	for i := range low {
		down := new(big.Int).Sub(new(big.Int).Add(low[i], &most), high[i])
		up := new(big.Int).Sub(new(big.Int).Add(high[i], &all), low[i])
		if down.Sign() == 0 || up.Sign() == 0 {
			return false
		}
		lo := new(big.Rat).SetFrac(product(n, low[i]), down)
		hi := new(big.Rat).SetFrac(product(n, high[i]), up)
		floor := new(big.Int).Div(lo.Num(), lo.Denom())
		if floor.Cmp(new(big.Int).Div(hi.Num(), hi.Denom())) != 0 {
			return false
		}
		whole := new(big.Rat).SetInt(floor)
		under, over = append(under, lo.Sub(lo, whole)), append(over, hi.Sub(hi, whole))
		left.Sub(left, floor)
	}
	ahead := int64(0)
	for i := range low {
		others := int64(0)
		for j := range low {
			if j != i && over[j].Cmp(under[i]) >= 0 {
				others++
			}
		}
		if big.NewInt(others).Cmp(left) < 0 {
			ahead++
		}
	}
	return left.Cmp(big.NewInt(ahead)) == 0
}
