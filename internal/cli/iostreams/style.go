package iostreams

// Style is a way to set text apart on a terminal that shows color (ECMA-48,
// "Select Graphic Rendition").
type Style string

// The styles commands use.
const (
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Cyan   Style = "36"
)

// Paint returns text in the given style, or as it is where color is off
// or style is empty.
func (s *Streams) Paint(style Style, text string) string {
	if !s.color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
