package enginetest

// dynamic writes the read of a value whose type only the run shows.
func (c *celWriter) dynamic() cel {
	return member("%s.%s", c.of(Open).Path, pick(c.Generator, words["key"]))
}

// chosen writes a choice between x, whose type is not known, and another value,
// on either side. Its type is not known either.
func (c *celWriter) chosen(x cel) cel {
	other := c.dynamic()
	switch n := c.random.IntN(10); {
	case n < 2:
		other = c.wholeLiteral()
	case n < 3:
		other = member("%t", c.chance(50))
	case n < 4:
		other = member("null")
	case n < 5:
		other = c.joined(c.dynamic())
	case n < 6:
		other = c.chosen(c.dynamic())
	}
	if c.chance(30) {
		x, other = other, x
	}
	return c.choice(c.condition(), x, other)
}

// condition writes what a choice depends on.
func (c *celWriter) condition() cel {
	switch n := c.random.IntN(10); {
	case n < 4:
		return member("has(%s)", c.dynamic().text)
	case n < 6:
		return c.dynamic()
	case n < 8:
		return c.switched()
	}
	return c.test()
}

// switched writes a parameter that is true or false, or a constant.
func (c *celWriter) switched() cel {
	if p, ok := c.param(Flag); ok {
		return p
	}
	return member("%t", c.chance(50))
}

// joined makes a truth value of x by an operator or a loop that may leave
// nothing but x.
func (c *celWriter) joined(x cel) cel {
	op := pick(c.Generator, []string{"&&", "||"})
	switch n := c.random.IntN(100); {
	case n < 30:
		return c.infix(x, op, c.switched())
	case n < 50:
		return c.infix(c.switched(), op, x)
	case n < 60:
		return c.infix(x, op, c.test())
	case n < 70:
		return cel{"!" + c.within(cel{"!" + c.within(x, memberStrength), unaryStrength}, memberStrength), unaryStrength}
	case n < 75:
		return cel{"!" + c.within(x, memberStrength), unaryStrength}
	case n < 80:
		return c.choice(c.condition(), c.infix(x, op, c.switched()), member("%t", c.chance(50)))
	case n < 85:
		return member("%s.%s(v, %s)", c.of(List).Path, pick(c.Generator, []string{"all", "exists"}), x.text)
	}
	return member("%s.%s(v, %s)", c.textList("region"), pick(c.Generator, []string{"all", "exists"}), x.text)
}

// joinedTest compares a truth value that is made of x with another value.
func (c *celWriter) joinedTest(x cel) cel {
	a, b := c.joined(x), c.dynamic()
	switch n := c.random.IntN(100); {
	case n < 15:
		return c.infix(a, "in", member("[%s, %t]", b.text, c.chance(50)))
	case n < 25:
		return c.infix(a, "in", member("%s.tags", c.of(Open).Path))
	case n < 35:
		return c.infix(member("[%s]", a.text), "==", member("[%s]", b.text))
	case n < 45:
		b = c.joined(b)
	case n < 55:
		b = member("%s", c.of(Flag).Path)
	case n < 65:
		b = c.switched()
	case n < 75:
		b = c.chosen(b)
	}
	if c.chance(30) {
		a, b = b, a
	}
	return c.infix(a, pick(c.Generator, []string{"==", "!="}), b)
}
