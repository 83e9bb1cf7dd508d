package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Visible is a text, or a JSON document, for people to read, in which JSON's
// escapes stand for what cannot be seen or deceives: what is [Hidden], spaces other
// than the usual one, and the parts of which a letter is put together. So what
// differs does not look the same. What is no UTF-8 becomes U+FFFD, as in JSON.
func Visible(text string) string {
	text = strings.ToValidUTF8(text, string(unicode.ReplacementChar))
	if strings.IndexFunc(text, deceives) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if deceives(r) {
			out.WriteString(Escape(r))
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Escape is what JSON may write for a character.
func Escape(r rune) string {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Hidden reports whether a character takes no room of its own, or changes how
// what stands around it is read: control characters, line feed and tab among
// them, those that turn the direction of writing or end a line for some, and
// those that are there to be ignored.
func Hidden(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// composed are marks and letters that other characters hold composed: é is one or
// e with a mark behind it.
var composed = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0300, Hi: 0x036f, Stride: 1}, // accents
	{Lo: 0x1100, Hi: 0x11ff, Stride: 1}, // the letters of Korean syllables
	{Lo: 0x3099, Hi: 0x309a, Stride: 1}, // the voice marks of Japanese
}}

func deceives(r rune) bool {
	return !unicode.IsPrint(r) || Hidden(r) || unicode.Is(composed, r)
}
