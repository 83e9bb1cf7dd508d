package yamldoc

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The numbers of the core schema of YAML 1.2 (section 10.3.2), but for those
// that begin with a zero: they are octal to readers of YAML 1.1.
var (
	coreInt   = regexp.MustCompile(`^([-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	coreFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	zeros     = regexp.MustCompile(`^([-+]?)0+([0-9])`)
)

// Scalar returns a scalar of any YAML file as [Value] returns those of a
// document: nil, bool, int64, float64 or string, and dates as the text that is
// written. The error is for what [Parse] refuses, such as 0100; hint says what to
// write.
func Scalar(n *yaml.Node) (value any, hint string, err error) {
	value, _, hint, err = scalar(n)
	return value, hint, err
}

// scalar resolves a scalar. Dates stay text, as JSON has none. The error says
// what is wrong, hint what to write, and plain is the spelling that was
// probably meant.
func scalar(n *yaml.Node) (value any, plain, hint string, err error) {
	tag := n.ShortTag()
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&quoted == 0 && (tag == "!!int" || tag == "!!float") {
		if plain, err := otherNumber(n.Value, tag); err != nil {
			return nil, plain, fmt.Sprintf(`write %s for the number, or "%s" for the text`, Shorten(plain), Shorten(n.Value)), err
		}
	}
	switch tag {
	case "!!str", "!!timestamp":
		return n.Value, "", "", nil
	case "!!null":
		return nil, "", "", nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), "", "", nil
	case "!!int":
		var i int64
		if err = n.Decode(&i); err == nil {
			return i, "", "", nil
		}
		err = fmt.Errorf("the number %s is out of range", Shorten(n.Value))
	case "!!float":
		var f float64
		if err = n.Decode(&f); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f, "", "", nil
		}
		if err = fmt.Errorf("the number %s is out of range", Shorten(n.Value)); math.IsNaN(f) {
			err = fmt.Errorf("%s is no number", Shorten(n.Value))
		}
	default:
		err = fmt.Errorf("%s is neither text, a number, true, false nor null", Shorten(n.Value))
	}
	return nil, n.Value, "write a number that JSON has, or put text into quotes", err
}

// otherNumber refuses what is a number to the parser, and to other readers
// another one or text.
func otherNumber(text, tag string) (plain string, err error) {
	if tag == "!!int" && coreInt.MatchString(text) || coreFloat.MatchString(text) || strings.Contains(strings.ToLower(text), ".inf") || strings.EqualFold(text, ".nan") {
		return "", nil
	}
	err = fmt.Errorf("some readers take %s for a number and others for text", Shorten(text))
	plain = strings.ReplaceAll(text, "_", "")
	switch {
	case zeros.MatchString(plain):
		plain = zeros.ReplaceAllString(plain, "$1$2")
		err = fmt.Errorf("some readers take %s for an octal number and others do not", Shorten(text))
	case coreInt.MatchString(plain) || coreFloat.MatchString(plain):
	default: // 0b101, -0x1F
		if i, failed := strconv.ParseInt(plain, 0, 64); failed == nil {
			plain = strconv.FormatInt(i, 10)
		}
	}
	return plain, err
}
