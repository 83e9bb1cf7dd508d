package enginetest

import (
	"fmt"
	"strconv"
	"strings"
)

// celWriter writes expressions that type-check, though many fail when they
// run: a third of the reads has no guard.
type celWriter struct {
	*Generator
	params []param
	hidden string // the field that a loop's variable hides at the moment
}

// cel is a written expression and how strongly its outermost operator binds.
type cel struct {
	text     string
	strength int
}

// Strengths as in binds.
const (
	choiceStrength = iota + 1
	orStrength
	andStrength
	relationStrength
	sumStrength
	productStrength
	unaryStrength
	memberStrength
)

// within writes an operand, in parentheses where they are needed and sometimes
// where they are not.
func (c *celWriter) within(e cel, least int) string {
	if e.strength < least || c.chance(8) {
		return "(" + e.text + ")"
	}
	return e.text
}

func (c *celWriter) infix(a cel, op string, b cel) cel {
	strength := binds[op]
	return cel{c.within(a, strength) + " " + op + " " + c.within(b, strength+1), strength}
}

func member(format string, args ...any) cel { return cel{fmt.Sprintf(format, args...), memberStrength} }

// truth writes an expression that is true or false, with operators to the
// depth given.
func (c *celWriter) truth(depth int) cel {
	if c.chance(1) {
		return member("%t", c.chance(50))
	}
	if depth == 0 || c.chance(15) {
		return c.test()
	}
	switch n := c.random.IntN(100); {
	case n < 42:
		return c.infix(c.truth(depth-1), "&&", c.truth(depth-1))
	case n < 78:
		return c.infix(c.truth(depth-1), "||", c.truth(depth-1))
	case n < 90:
		return cel{"!" + c.within(c.truth(depth-1), memberStrength), unaryStrength}
	}
	return c.choice(c.truth(depth-1), c.truth(depth-1), c.truth(depth-1))
}

func (c *celWriter) choice(condition, yes, no cel) cel {
	return cel{c.within(condition, orStrength) + " ? " + c.within(yes, orStrength) + " : " + c.within(no, choiceStrength), choiceStrength}
}

// when writes the condition of a rule: mostly a conjunction that asks for the
// action's type, the resource's type or the tenant, in any place.
func (c *celWriter) when() string {
	var parts []cel
	if c.chance(75) {
		parts = append(parts, c.oneOf("action.type", false))
	}
	if c.chance(25) {
		parts = append(parts, c.oneOf("resource.type", c.chance(60)))
	}
	if c.chance(20) {
		parts = append(parts, c.oneOf("tenantId", c.chance(60)))
	}
	for range c.random.IntN(3) {
		parts = append(parts, c.truth(c.random.IntN(2)))
	}
	if len(parts) == 0 {
		return c.truth(2).text
	}
	c.random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for len(parts) > 1 {
		i, op := c.random.IntN(len(parts)-1), "&&"
		if c.chance(8) {
			op = "||"
		}
		joined := c.infix(parts[i], op, parts[i+1])
		parts = append(append(parts[:i:i], joined), parts[i+2:]...)
	}
	if c.chance(4) {
		return "!" + c.within(parts[0], memberStrength)
	}
	return parts[0].text
}

// oneOf asks whether a text has one of a few values.
func (c *celWriter) oneOf(path string, guarded bool) cel {
	word := func() string { return c.text(pick(c.Generator, wordsOf(path))) }
	var e cel
	switch n := c.random.IntN(100); {
	case n < 50:
		e = cel{path + " == " + word(), relationStrength}
	case n < 60:
		e = cel{word() + " == " + path, relationStrength}
	case n < 75:
		e = cel{path + " in [" + word() + ", " + word() + "]", relationStrength}
	case n < 85:
		e = cel{path + " == " + word() + " || " + path + " == " + word(), orStrength}
	case n < 93:
		e = cel{path + " != " + word(), relationStrength}
	default:
		e = cel{path + ".startsWith(" + c.text(pick(c.Generator, []string{"data.", "m", "p", "tenant"})) + ")", memberStrength}
	}
	if guarded {
		return c.infix(cel{"has(" + path + ")", memberStrength}, "&&", e)
	}
	return e
}

// guard puts has() beside an expression that reads a path, or leaves it out.
func (c *celWriter) guard(path string, e cel) cel {
	has := member("has(%s)", path)
	switch n := c.random.IntN(100); {
	case n < 45:
		return c.infix(has, "&&", e)
	case n < 55:
		return c.infix(cel{"!" + has.text, unaryStrength}, "||", e)
	case n < 60:
		return c.infix(e, "&&", has)
	case n < 65:
		return c.choice(has, e, cel{strconv.FormatBool(c.chance(50)), memberStrength})
	}
	return e
}

// of returns a field of one of the kinds.
func (c *celWriter) of(kinds ...Kind) Field {
	for {
		f := pick(c.Generator, c.fields)
		if c.hidden != "" && strings.HasPrefix(f.Path+".", c.hidden+".") {
			continue
		}
		for _, kind := range kinds {
			if f.Shape.Kind == kind && (kind != List || f.Shape.Item.Kind == Text) {
				return f
			}
		}
	}
}

// test writes one question about the action.
func (c *celWriter) test() cel {
	switch n := c.random.IntN(100); {
	case n < 8:
		return member("has(%s)", pick(c.Generator, c.fields).Path)
	case n < 30:
		f := c.of(Text)
		return c.guard(f.Path, c.textTest(member("%s", f.Path), f.Path))
	case n < 37:
		f := c.of(Flag)
		return c.guard(f.Path, c.flagTest(f.Path))
	case n < 47:
		f := c.of(Whole)
		return c.guard(f.Path, c.numberTest(c.wholeFrom(member("%s", f.Path))))
	case n < 52:
		f := c.of(Number)
		return c.guard(f.Path, c.numberTest(c.numberFrom(member("%s", f.Path))))
	case n < 54:
		return c.numberTest(c.number(2))
	case n < 62:
		return c.pair()
	case n < 71:
		f := c.of(List)
		return c.guard(f.Path, c.listTest(f.Path))
	case n < 76:
		return c.objectsTest()
	case n < 80:
		return member("%s()", pick(c.Generator, []string{personalData, healthData}))
	case n < 84:
		return c.guard("timestamp", c.momentTest())
	case n < 86:
		return c.tableTest()
	case n < 88 && len(c.params) > 0:
		return c.paramTest()
	}
	return c.openTest()
}

// text writes a string literal in one of the spellings of CEL.
func (c *celWriter) text(s string) string {
	quote := pick(c.Generator, []string{`"`, `'`, `"`, `"""`, `'''`})
	if c.chance(10) && !strings.ContainsAny(s, "\\\n'\"") {
		return "r" + quote + s + quote
	}
	var b strings.Builder
	b.WriteString(quote)
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case strings.ContainsRune(`\'"`, r):
			b.WriteString(`\` + string(r))
		case c.chance(3) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case c.chance(3) && r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		case c.chance(3):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString(quote)
	return b.String()
}

func (c *celWriter) word(path string) cel {
	if c.chance(5) {
		return member("%s", c.text(pick(c.Generator, words["text"])))
	}
	return member("%s", c.text(pick(c.Generator, wordsOf(path))))
}

func (c *celWriter) wordList(path string) string {
	var list []string
	n := c.random.IntN(4)
	if c.chance(3) {
		n = 20
	}
	for range n {
		list = append(list, c.word(path).text)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// textTest asks about a text that has the words of a path.
func (c *celWriter) textTest(x cel, path string) cel {
	switch n := c.random.IntN(100); {
	case n < 35:
		return c.infix(x, pick(c.Generator, []string{"==", "==", "!="}), c.word(path))
	case n < 42:
		return c.infix(c.word(path), pick(c.Generator, []string{"==", "!="}), x)
	case n < 60:
		return c.infix(x, "in", member("%s", c.textList(path)))
	case n < 68:
		return c.infix(x, pick(c.Generator, []string{"<", "<=", ">", ">="}), c.word(path))
	case n < 82:
		part := pick(c.Generator, wordsOf(path))
		cut := c.random.IntN(len([]rune(part)) + 1)
		part = string([]rune(part)[:cut])
		return member("%s.%s(%s)", c.within(x, memberStrength), pick(c.Generator, []string{"startsWith", "endsWith", "contains"}), c.text(part))
	case n < 88:
		return c.matchTest(x)
	case n < 94:
		return c.numberTest(c.size(x))
	}
	return c.infix(c.infix(x, "+", c.word(path)), "==", c.infix(c.word(path), "+", x))
}

func (c *celWriter) matchTest(x cel) cel {
	pattern := pick(c.Generator, []string{`^[a-z]+`, `[0-9]$`, `^(eu|us)-`, `.*`, `^$`, `(?i)aes`, `\\.example\\.com$`, `^.{1,5}$`, `^[^.]+\\.[a-z]+$`, `ü`})
	if c.chance(50) {
		return member(`%s.matches("%s")`, c.within(x, memberStrength), pattern)
	}
	return member(`matches(%s, '%s')`, x.text, pattern)
}

func (c *celWriter) size(x cel) cel {
	if c.chance(50) {
		return member("size(%s)", x.text)
	}
	return member("%s.size()", c.within(x, memberStrength))
}

// textList writes a list of texts: a literal, a parameter or a field.
func (c *celWriter) textList(path string) string {
	if p, ok := c.param(List); ok && c.chance(30) {
		return p.text
	}
	if c.chance(10) {
		return c.of(List).Path
	}
	return c.wordList(path)
}

// param returns a declared parameter of the kind.
func (c *celWriter) param(kind Kind) (cel, bool) {
	for _, p := range c.params {
		if p.kind == kind && c.chance(60) {
			return member("params.%s", p.name), true
		}
	}
	return cel{}, false
}

func (c *celWriter) paramTest() cel {
	p := pick(c.Generator, c.params)
	x := member("params.%s", p.name)
	switch p.kind {
	case Flag:
		return c.flagTest(x.text)
	case Whole, Number:
		return c.numberTest(x)
	case List:
		return c.listTest(x.text)
	}
	return c.textTest(x, p.name)
}

func (c *celWriter) flagTest(path string) cel {
	x := member("%s", path)
	switch c.random.IntN(6) {
	case 0:
		return cel{"!" + x.text, unaryStrength}
	case 3:
		return c.joinedTest(x)
	case 1:
		return c.infix(x, pick(c.Generator, []string{"==", "!="}), member("%t", c.chance(50)))
	case 2:
		if p, ok := c.param(Flag); ok {
			return c.infix(x, "==", p)
		}
	}
	return x
}

var comparisons = []string{"<", "<=", ">", ">=", "==", "!="}

// numberTest compares a whole number or any number; where they mix, only
// their order is asked.
func (c *celWriter) numberTest(x cel) cel {
	y := c.wholeLiteral()
	op := pick(c.Generator, comparisons[:4])
	switch n := c.random.IntN(10); {
	case n < 2:
		y = c.doubleLiteral()
	case n < 4:
		if p, ok := c.param(pick(c.Generator, []Kind{Whole, Number})); ok {
			y = p
		}
	}
	if c.chance(20) {
		return c.infix(y, op, x)
	}
	return c.infix(x, op, y)
}

func (c *celWriter) wholeLiteral() cel {
	n := c.whole(nil, nil)
	switch k := c.random.IntN(100); {
	case k < 20:
		return member("%d", c.random.IntN(4))
	case k < 25:
		return member("0x%x", n)
	case k < 30:
		return member("-%d", n)
	}
	return member("%d", n)
}

func (c *celWriter) doubleLiteral() cel {
	return member("%s", pick(c.Generator, []string{"0.0", "0.5", "0.8", "1.0", "30.0", "5e2", "365.5", "-1.5", "1e300"}))
}

// wholeFrom calculates with a whole number.
func (c *celWriter) wholeFrom(x cel) cel {
	if !c.chance(35) {
		return x
	}
	op := pick(c.Generator, []string{"+", "-", "*", "/", "%"})
	if c.chance(50) {
		return c.infix(x, op, c.number(0))
	}
	return c.infix(c.number(0), op, x)
}

// numberFrom calculates with a number that need not be whole. Division by zero
// gives infinity, or no number.
func (c *celWriter) numberFrom(x cel) cel {
	if !c.chance(30) {
		return x
	}
	y := c.doubleLiteral()
	if c.chance(40) {
		y = member("%s", c.of(Number).Path)
	}
	return c.infix(x, pick(c.Generator, []string{"+", "-", "*", "/"}), y)
}

// number writes a whole number.
func (c *celWriter) number(depth int) cel {
	switch n := c.random.IntN(100); {
	case depth > 0 && n < 35:
		return c.infix(c.number(depth-1), pick(c.Generator, []string{"+", "-", "*", "/", "%"}), c.number(depth-1))
	case depth > 0 && n < 45:
		f := c.of(Whole)
		return c.choice(member("has(%s)", f.Path), member("%s", f.Path), c.wholeLiteral())
	case depth > 0 && n < 50:
		return member("int(%s)", c.of(Number, Whole, Text).Path)
	case depth > 0 && n < 53:
		return cel{"-" + c.within(member("%s", c.of(Whole).Path), memberStrength), unaryStrength}
	case n < 60:
		return c.size(member("%s", c.of(List, Text).Path))
	case n < 75:
		return member("%s", c.of(Whole).Path)
	}
	return c.wholeLiteral()
}

// pair compares two fields of the same kind.
func (c *celWriter) pair() cel {
	a := c.of(Text, Text, Flag, Whole, Number)
	b := c.of(a.Shape.Kind)
	for range 20 {
		if a.Path != b.Path && (a.Shape.Kind != Text || &wordsOf(a.Path)[0] == &wordsOf(b.Path)[0]) {
			break
		}
		b = c.of(a.Shape.Kind)
	}
	ops := comparisons
	if a.Shape.Kind == Text && c.chance(20) {
		list := c.of(List)
		return c.guard(list.Path, c.guard(a.Path, c.infix(member("%s", a.Path), "in", member("%s", list.Path))))
	}
	e := c.infix(member("%s", a.Path), pick(c.Generator, ops), member("%s", b.Path))
	if a.Shape.Kind == Whole && c.chance(20) {
		e = c.infix(c.infix(member("%s", a.Path), pick(c.Generator, []string{"+", "-", "*", "/", "%"}), member("%s", b.Path)), pick(c.Generator, ops), c.wholeLiteral())
	}
	return c.guard(a.Path, c.guard(b.Path, e))
}

// momentTest asks about the time of the action.
func (c *celWriter) momentTest() cel {
	literal := member("timestamp(%q)", pick(c.Generator, moments))
	x := member("timestamp")
	switch n := c.random.IntN(10); {
	case n < 5:
		part := pick(c.Generator, []string{"getHours", "getDayOfWeek", "getMonth", "getDate", "getDayOfMonth", "getDayOfYear", "getFullYear", "getMinutes", "getSeconds", "getMilliseconds"})
		zone := ""
		if c.chance(60) {
			zone = c.text(pick(c.Generator, zones))
		}
		return c.infix(member("timestamp.%s(%s)", part, zone), pick(c.Generator, comparisons), member("%d", pick(c.Generator, []int{0, 1, 5, 6, 11, 22, 23, 59, 123, 2026})))
	case n < 8:
		return c.infix(x, pick(c.Generator, comparisons), literal)
	case n < 9:
		return c.infix(c.infix(x, "-", literal), pick(c.Generator, comparisons[:4]), member("duration(%q)", pick(c.Generator, []string{"1h", "0s", "-24h", "36h30m"})))
	}
	return c.infix(c.infix(x, "+", member(`duration("24h")`)), ">", literal)
}

// tableTest looks a word up in a map.
func (c *celWriter) tableTest() cel {
	f := c.of(Text)
	list := wordsOf(f.Path)
	table := fmt.Sprintf("{%s: 1, %s: 30}", c.text(list[0]), c.text(list[1]))
	if c.chance(50) {
		return c.guard(f.Path, c.numberTest(member("%s[%s]", table, f.Path)))
	}
	return c.guard(f.Path, c.infix(member("%s", f.Path), "in", member("%s", table)))
}
