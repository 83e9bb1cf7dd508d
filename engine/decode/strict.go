package decode

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
)

var (
	errNull   = errors.New("null stands where a value is needed")
	errNumber = errors.New("the number is out of range")
	errWhole  = errors.New("expected a whole number")
)

// options make the decoder strict. Names are compared with their case,
// duplicates and invalid UTF-8 are refused by the decoder's defaults.
var options = sync.OnceValue(func() json.Options {
	return json.JoinOptions(
		json.RejectUnknownMembers(true),
		json.WithUnmarshalers(json.JoinUnmarshalers(
			json.UnmarshalFromFunc(decodeFreeForm),
			json.UnmarshalFromFunc(decodeWhole),
			json.UnmarshalFromFunc(notNull[string]),
			json.UnmarshalFromFunc(notNull[mesh.Operation]),
			json.UnmarshalFromFunc(notNull[mesh.ContentFinding]),
		)),
	)
})

// notNull refuses null where there is no pointer that could be nil: an element
// of a list would become its zero value.
func notNull[T any](d *jsontext.Decoder, _ *T) error {
	if d.PeekKind() != 'n' {
		return errors.ErrUnsupported
	}
	if _, err := d.ReadValue(); err != nil {
		return err // it only began like null
	}
	return errNull
}

// decodeFreeForm reads numbers of the free-form maps: whole ones keep all
// their digits, which a float64 would round.
func decodeFreeForm(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	literal, err := d.ReadValue()
	if err != nil {
		return err
	}
	n, ok := parseFree(string(literal))
	if !ok {
		return errNumber
	}
	*v = n
	return nil
}

// parseFree is an int64 or a float64.
func parseFree(numeral string) (n any, ok bool) {
	if i, ok := parseInt(numeral); ok {
		return i, true
	}
	f, ok := parseNumber(numeral)
	return f, ok
}

// parseInt is only for numbers without a fraction and an exponent.
func parseInt(numeral string) (i int64, ok bool) {
	if strings.ContainsAny(numeral, ".eE") {
		return 0, false
	}
	i, err := strconv.ParseInt(numeral, 10, 64)
	return i, err == nil
}

func parseNumber(numeral string) (f float64, ok bool) {
	f, err := strconv.ParseFloat(numeral, 64)
	return f, err == nil
}

// decodeWhole reads whole numbers in every spelling that JSON Schema counts as
// an integer: 12, 12.0 and 1.2e1 (2020-12 validation, section 6.1.1).
func decodeWhole(d *jsontext.Decoder, v *int64) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	literal, err := d.ReadValue()
	if err != nil {
		return err
	}
	n, ok := parseWhole(string(literal))
	if !ok {
		bound := ""
		if f, _ := parseNumber(string(literal)); f == math.Trunc(f) { // an infinite one, too
			bound = fmt.Sprintf(" of at most %d", math.MaxInt64)
		}
		return fmt.Errorf("%w%s, found the number %s", errWhole, bound, shortened(literal))
	}
	*v = n
	return nil
}

func parseWhole(numeral string) (n int64, ok bool) {
	if i, ok := parseInt(numeral); ok {
		return i, true
	}
	if i, ok := parseDecimal(numeral); ok {
		return i, true
	}
	const exact = 1 << 53 // integers up to here are exact in a float64
	f, ok := parseNumber(numeral)
	if !ok || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// parseDecimal reads a number with a point or an exponent whose value is whole,
// as 1e18, which a float64 need not be able to hold.
func parseDecimal(numeral string) (n int64, ok bool) {
	mantissa, power, _ := strings.Cut(strings.ToLower(numeral), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(whole+fraction, "0")
	exponent := len(whole) - len(digits) // of digits
	if power != "" {
		e, err := strconv.Atoi(power)
		if err != nil {
			return 0, false
		}
		exponent += e
	}
	const most = 19 // digits of the largest
	if exponent < 0 || exponent > most {
		return 0, false
	}
	return parseInt(digits + strings.Repeat("0", exponent))
}

// flaw is a value that the types allow and the schema does not.
type flaw struct{ rule, path, message, hint string }

// check holds an action to what the schema says beyond types.
func check(a *mesh.Action) *flaw {
	if f := checkType(a.Action.Type); f != nil {
		return f
	}
	var c checker
	if d := a.Data; d != nil {
		c.list("data.categories", len(d.Categories))
		c.list("data.fields", len(d.Fields))
		c.count("data.retentionDays", d.RetentionDays)
		if d.Consent != nil {
			c.list("data.consent.purposes", len(d.Consent.Purposes))
		}
		if d.Encryption != nil {
			c.count("data.encryption.keyAgeDays", d.Encryption.KeyAgeDays)
		}
	}
	if g := a.Agent; g != nil {
		c.list("agent.scopes", len(g.Scopes))
	}
	if p := a.Actor; p != nil {
		c.list("actor.groups", len(p.Groups))
		c.list("actor.scopes", len(p.Scopes))
	}
	if r := a.Request; r != nil {
		c.number("request.ageHours", r.AgeHours, math.MaxFloat64)
	}
	if s := a.Session; s != nil {
		c.list("session.taint", len(s.Taint))
		c.count("session.ageSeconds", s.AgeSeconds)
		c.count("session.mfaAgeSeconds", s.MFAAgeSeconds)
		c.count("session.callsLastMinute", s.CallsLastMinute)
		c.count("session.spentTokens", s.SpentTokens)
		c.count("session.spentMicroUSD", s.SpentMicroUSD)
	}
	if t := a.Content; t != nil {
		c.list("content.findings", len(t.Findings))
		c.list("content.labels", len(t.Labels))
		c.number("content.injectionScore", t.InjectionScore, 1)
		c.count("content.inputTokens", t.InputTokens)
		c.count("content.outputTokens", t.OutputTokens)
		for i, f := range t.Findings {
			if f.Count != nil && *f.Count < 0 { // the path is not made for nothing
				c.count("content.findings."+strconv.Itoa(i)+".count", f.Count)
			}
		}
	}
	if p := a.Approval; p != nil {
		c.count("approval.ageSeconds", p.AgeSeconds)
	}
	return c.first
}

// checker keeps the first flaw.
type checker struct{ first *flaw }

func (c *checker) fail(path, message string) {
	if c.first == nil {
		c.first = &flaw{rule: "wrong-value", path: path, message: message}
	}
}

func (c *checker) list(path string, length int) {
	if length > MaxListLength {
		c.fail(path, "the list has more than "+strconv.Itoa(MaxListLength)+" elements")
	}
}

func (c *checker) count(path string, n *int64) {
	if n != nil && *n < 0 {
		c.fail(path, "the number is negative")
	}
}

func (c *checker) number(path string, f *float64, most float64) {
	switch {
	case f == nil || *f >= 0 && *f <= most:
	case most == math.MaxFloat64:
		c.fail(path, "the number is not at least 0")
	default:
		c.fail(path, "the number is not between 0 and "+strconv.FormatFloat(most, 'g', -1, 64))
	}
}
