package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Visible is a text, or a JSON document, for people to read, in which JSON's
// escapes stand for what cannot be seen or deceives: control characters, those that
// turn the direction of writing, spaces other than the usual one, and the parts of
// which a letter is put together. So what differs does not look the same.
func Visible(text string) string {
	if strings.IndexFunc(text, deceives) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch high, low := utf16.EncodeRune(r); {
		case !deceives(r):
			out.WriteRune(r)
		case high == unicode.ReplacementChar:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	return out.String()
}

// composed are marks and letters that other characters hold composed: é is one or
// e with a mark behind it.
var composed = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0300, Hi: 0x036f, Stride: 1}, // accents
	{Lo: 0x1100, Hi: 0x11ff, Stride: 1}, // the letters of Korean syllables
	{Lo: 0x3099, Hi: 0x309a, Stride: 1}, // the voice marks of Japanese
}}

func deceives(r rune) bool {
	return !unicode.IsPrint(r) || unicode.Is(composed, r)
}
