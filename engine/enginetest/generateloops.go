package enginetest

import (
	"maps"
	"slices"
)

// variable names a loop's variable; some hide a field of the action.
func (c *celWriter) variable() string {
	return pick(c.Generator, []string{"x", "x", "x", "e", "item", "data", "action", "environment"})
}

// listTest asks about a list of texts.
func (c *celWriter) listTest(path string) cel {
	x := c.variable()
	switch n := c.random.IntN(100); {
	case n < 25:
		return c.infix(c.word(path), "in", member("%s", path))
	case n < 35:
		return c.numberTest(c.size(member("%s", path)))
	case n < 60:
		return member("%s.%s(%s, %s)", path, pick(c.Generator, []string{"all", "exists", "exists_one"}), x, c.loopTest(x, path).text)
	case n < 66:
		return member("%s.all(x, x in %s)", c.textList(path), path)
	case n < 74:
		return member("%s.%s(x, x in %s)", path, pick(c.Generator, []string{"all", "exists"}), c.textList(path))
	case n < 80:
		return c.numberTest(c.size(member("%s.filter(%s, %s)", path, x, c.loopTest(x, path).text)))
	case n < 84:
		return c.infix(member("%s.map(%s, %s + \"!\")", path, x, x), "==", member("[%s + \"!\"]", c.word(path).text))
	case n < 87:
		return c.infix(c.word(path), "in", member("%s.map(%s, %s, %s)", path, x, c.loopTest(x, path).text, x))
	case n < 93:
		return c.textTest(member("%s[%d]", path, c.random.IntN(3)), path)
	case n < 97:
		return c.infix(member("%s", path), pick(c.Generator, []string{"==", "!="}), member("%s", c.wordList(path)))
	}
	return c.infix(c.word(path), "in", c.infix(member("%s", path), "+", member("%s", c.wordList(path))))
}

// loopTest asks about the variable of a loop, and sometimes about the action
// as well.
func (c *celWriter) loopTest(x, list string) cel {
	c.hidden = x
	defer func() { c.hidden = "" }()
	test := c.textTest(member("%s", x), list)
	switch n := c.random.IntN(100); {
	case n < 60:
		return test
	case n < 75:
		return c.besidePredicate(test)
	}
	path, dot := c.of(Text).Path, ""
	if c.chance(40) {
		c.hidden = ""
		path, dot = c.of(Text).Path, "." // which no variable hides
	}
	return c.infix(test, pick(c.Generator, []string{"&&", "||"}), c.infix(member("%s%s", dot, path), "==", c.word(path)))
}

// besidePredicate joins a test within a loop with a predicate, which has loops
// of its own, in front of it or behind it.
func (c *celWriter) besidePredicate(test cel) cel {
	asked := member("%s()", pick(c.Generator, []string{personalData, healthData}))
	operator := pick(c.Generator, []string{"&&", "||"})
	if c.chance(50) {
		return c.infix(asked, operator, test)
	}
	return c.infix(test, operator, asked)
}

// objectsTest asks about a list of objects, such as content.findings.
func (c *celWriter) objectsTest() cel {
	var lists []Field
	for _, f := range c.fields {
		if f.Shape.Kind == List && f.Shape.Item.Kind == Object {
			lists = append(lists, f)
		}
	}
	f := pick(c.Generator, lists)
	x := "f"
	switch n := c.random.IntN(100); {
	case n < 60:
		return c.guard(f.Path, member("%s.%s(%s, %s)", f.Path, pick(c.Generator, []string{"all", "exists", "exists_one"}), x, c.itemTruth(f, x, 1).text))
	case n < 75:
		return c.guard(f.Path, c.numberTest(c.size(member("%s.filter(%s, %s)", f.Path, x, c.itemTruth(f, x, 1).text))))
	case n < 85:
		return c.guard(f.Path, c.numberTest(c.size(member("%s", f.Path))))
	}
	return c.guard(f.Path, c.itemTest(f, f.Path+"[0]"))
}

func (c *celWriter) itemTruth(f Field, x string, depth int) cel {
	if depth == 0 || c.chance(40) {
		test := c.itemTest(f, x)
		if c.chance(20) {
			return c.besidePredicate(test)
		}
		return test
	}
	return c.infix(c.itemTruth(f, x, depth-1), pick(c.Generator, []string{"&&", "||"}), c.itemTruth(f, x, depth-1))
}

func (c *celWriter) itemTest(f Field, x string) cel {
	item := f.Shape.Item
	name := pick(c.Generator, slices.Sorted(maps.Keys(item.Fields)))
	path := x + "." + name
	read := member("%s", path)
	switch item.Fields[name].Kind {
	case Text:
		return c.guard(path, c.textTest(read, f.Path+"."+name))
	case Flag:
		return c.guard(path, c.flagTest(path))
	case Whole:
		return c.guard(path, c.numberTest(c.wholeFrom(read)))
	case Number:
		return c.guard(path, c.numberTest(read))
	}
	return member("has(%s)", path)
}

// openTest asks about free-form values, whose types only the run shows.
func (c *celWriter) openTest() cel {
	base := c.of(Open).Path
	key := pick(c.Generator, words["key"])
	path := base + "." + key
	if c.chance(15) {
		path = base + ".nested." + key
	}
	read := member("%s", path)
	if path == base+"."+key && c.chance(20) {
		read = member("%s[%s]", base, c.text(key))
	}
	switch n := c.random.IntN(100); {
	case n < 8:
		return member("has(%s)", path)
	case n < 12:
		return c.infix(member("%s", c.text(key)), "in", member("%s", base))
	case n < 15:
		return c.numberTest(c.size(member("%s", base)))
	case n < 19:
		return member("%s.%s(k, %s)", base, pick(c.Generator, []string{"all", "exists", "exists_one"}), c.keyTest(base).text)
	}
	return c.guard(path, c.dynamicTest(read, key))
}

func (c *celWriter) keyTest(base string) cel {
	k := member("k")
	switch c.random.IntN(3) {
	case 0:
		return c.textTest(k, "key")
	case 1:
		return c.infix(member("%s[k]", base), "==", c.word("currency"))
	}
	return c.numberTest(c.size(k))
}

// dynamicTest asks about a value whose type is not known, most often as what
// its key suggests.
func (c *celWriter) dynamicTest(x cel, key string) cel {
	if c.chance(20) {
		key = pick(c.Generator, words["key"])
	}
	switch n := c.random.IntN(100); {
	case n < 10:
		x = c.chosen(x)
	case n < 20:
		return c.joinedTest(x)
	}
	switch key {
	case "amount":
		return c.dynamicNumberTest(x)
	case "flag":
		return c.dynamicFlagTest(x)
	case "tags":
		return c.dynamicListTest(x)
	case "deletionMethod", "currency":
		return c.textTest(x, key)
	}
	switch c.random.IntN(4) {
	case 0:
		return c.infix(x, pick(c.Generator, []string{"==", "!="}), member("null"))
	case 1:
		other := c.of(Text, Whole, Number, Flag, List)
		return c.infix(x, pick(c.Generator, []string{"==", "!="}), member("%s", other.Path))
	case 2:
		return c.infix(x, pick(c.Generator, comparisons), member("%s.%s", c.of(Open).Path, pick(c.Generator, words["key"])))
	}
	return c.textTest(x, "text")
}

// dynamicFlagTest writes what is of type bool whatever x is: only that may be
// a whole expression.
func (c *celWriter) dynamicFlagTest(x cel) cel {
	switch c.random.IntN(4) {
	case 0:
		return c.infix(x, "&&", c.test())
	case 1:
		return c.infix(c.test(), "||", x)
	case 2:
		return cel{"!" + c.within(x, memberStrength), unaryStrength}
	}
	return c.infix(x, "==", member("%t", c.chance(50)))
}

func (c *celWriter) dynamicNumberTest(x cel) cel {
	literal := c.wholeLiteral()
	if c.chance(25) {
		literal = c.doubleLiteral()
	}
	switch n := c.random.IntN(10); {
	case n < 6:
		return c.infix(x, pick(c.Generator, comparisons), literal)
	case n < 7:
		return c.infix(c.infix(x, pick(c.Generator, []string{"+", "-", "*", "/"}), literal), pick(c.Generator, comparisons), literal)
	case n < 8:
		return c.infix(member("%s(%s)", pick(c.Generator, []string{"int", "double"}), x.text), pick(c.Generator, comparisons[:4]), literal)
	case n < 9:
		return c.infix(x, "in", member("[%s, %s]", literal.text, literal.text))
	}
	return c.infix(member("string(int(%s))", x.text), "==", member("%s", c.text("500")))
}

func (c *celWriter) dynamicListTest(x cel) cel {
	on := c.within(x, memberStrength)
	switch c.random.IntN(6) {
	case 0:
		return c.infix(c.word("category"), "in", x)
	case 1:
		return c.numberTest(c.size(x))
	case 2:
		return c.infix(member("%s[%d]", on, c.random.IntN(2)), "==", c.word("category"))
	case 3:
		return c.infix(x, "==", member("%s", c.wordList("category")))
	case 4:
		return c.infix(c.word("category"), "in", c.infix(x, "+", member("%s", c.wordList("category"))))
	}
	return member("%s.%s(t, %s)", on, pick(c.Generator, []string{"all", "exists", "exists_one"}), c.textTest(member("t"), "category").text)
}
