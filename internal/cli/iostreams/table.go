package iostreams

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// columnGap separates the columns of a table on a terminal.
const columnGap = "  "

// minLastColumn is the width, in characters, that the last column keeps on a
// narrow terminal.
const minLastColumn = 12

// Table prints rows for people where standard output is a terminal (header,
// aligned columns, the last one cut to the width) and tab-separated values
// without a header where it is not, so that cut and awk work on it.
type Table struct {
	streams *Streams
	header  []string
	rows    [][]cell
}

// cell is a text and how it is painted.
type cell struct {
	text  string
	style Style
}

// NewTable returns a table with the given column headings.
func (s *Streams) NewTable(header ...string) *Table {
	return &Table{streams: s, header: header}
}

// Row appends a row. A value of type [Styled] is painted.
func (t *Table) Row(values ...any) {
	row := make([]cell, 0, len(values))
	for _, v := range values {
		if styled, ok := v.(Styled); ok {
			row = append(row, cell{OneLine(styled.Text), styled.Style})
			continue
		}
		row = append(row, cell{text: OneLine(fmt.Sprint(v))})
	}
	t.rows = append(t.rows, row)
}

// Styled is a value of [Table.Row] with a style.
type Styled struct {
	Text  string
	Style Style
}

// OneLine keeps a value from breaking its row: whoever chose it could make up
// another one otherwise.
func OneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " ")
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Print writes the table to standard output.
func (t *Table) Print() error {
	if !t.streams.outTTY {
		return t.printTabs(t.streams.Out)
	}
	return t.printColumns(t.streams.Out)
}

func (t *Table) printTabs(w io.Writer) error {
	for _, row := range t.rows {
		texts := make([]string, len(row))
		for i, c := range row {
			texts[i] = c.text
		}
		if _, err := fmt.Fprintln(w, strings.Join(texts, "\t")); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) printColumns(w io.Writer) error {
	widths := t.widths()
	header := make([]cell, len(t.header))
	for i, h := range t.header {
		header[i] = cell{strings.ToUpper(h), Faint}
	}
	for _, row := range append([][]cell{header}, t.rows...) {
		var b strings.Builder
		for i, c := range row {
			last := i == len(row)-1
			text := c.text
			if i < len(widths) {
				text = cut(text, widths[i])
			}
			b.WriteString(t.streams.Paint(c.style, text))
			if !last {
				b.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text))))
				b.WriteString(columnGap)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// widths returns the width of every column; the last one takes what the
// terminal leaves.
func (t *Table) widths() []int {
	widths := make([]int, len(t.header))
	for i, h := range t.header {
		widths[i] = utf8.RuneCountInString(h)
	}
	for _, row := range t.rows {
		for i, c := range row {
			if i < len(widths) {
				widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
			}
		}
	}
	if len(widths) == 0 {
		return widths
	}
	used := 0
	for _, w := range widths[:len(widths)-1] {
		used += w + len(columnGap)
	}
	last := len(widths) - 1
	widths[last] = min(widths[last], max(minLastColumn, t.streams.width-used))
	return widths
}

// cut shortens text to at most width characters, marking that it did.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(0, width-1)]) + "…"
}
