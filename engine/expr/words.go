package expr

import (
	"regexp"
	"strings"
)

// wording is what the messages of cel-go that match are in plain words.
type wording struct {
	message *regexp.Regexp
	plain   string // with $1 for what the message says
}

// failures are the reasons for which an evaluation fails.
var failures = []wording{
	{regexp.MustCompile(`^no such key: (.*)$`), "the map has no key $1"},
	{regexp.MustCompile(`^index out of bounds: (.*)$`), "the list has no element $1"},
	{regexp.MustCompile(`^(?:division|modulus) by zero$`), "it divides by 0"},
	{regexp.MustCompile(`^.*\boverflow$`), "the result is too large or too small"},
	{regexp.MustCompile(`^invalid RFC 3339 timestamp (.*)$`), "$1 is no time, as 2026-01-31T12:00:00Z is one"},
	{regexp.MustCompile(`^type conversion error from '.*' to '(.*)'$`), "the value does not become ‹$1›"},
}

// plainFailure words why something fails.
func plainFailure(err error) string { return reword(failures, err.Error()) }

// reword says a message in plain words, as far as the table has any.
func reword(table []wording, message string) string {
	for _, w := range table {
		if w.message.MatchString(message) {
			return typeMark.ReplaceAllStringFunc(w.message.ReplaceAllString(message, w.plain), func(mark string) string {
				return typeWords(strings.Trim(mark, "‹›"))
			})
		}
	}
	return message
}

// typeMark is where a wording says a type.
var typeMark = regexp.MustCompile(`‹[^›]*›`)

// plainTypes are the types of CEL in words.
var plainTypes = map[string]string{
	"bool": "true or false", "int": "a whole number", "uint": "a number without sign", "double": "a number", "string": "text", "bytes": "bytes",
	"null": "null", "null_type": "null", "dyn": "a value of any type", "type": "a type",
	"timestamp": "a time", "google.protobuf.Timestamp": "a time", "duration": "a duration", "google.protobuf.Duration": "a duration",
}

// typeWords says a type as cel-go writes it in words.
func typeWords(name string) string {
	if plain, ok := plainTypes[name]; ok {
		return plain
	}
	head, rest, _ := strings.Cut(name, "(")
	of := strings.TrimSuffix(rest, ")")
	switch {
	case strings.HasPrefix(name, recordPrefix):
		return strings.TrimPrefix(name, recordPrefix) + " as a whole"
	case strings.HasPrefix(name, "mesh."):
		return "a record"
	case head == "list" && of == "string":
		return "a list of texts"
	case head == "list" && strings.HasPrefix(of, "mesh."):
		return "a list of records"
	case head == "list" && (of == "int" || of == "double"):
		return "a list of numbers"
	case head == "list":
		return "a list"
	case head == "map":
		return "a map"
	case head == "type":
		return "a type"
	case head == "wrapper":
		return typeWords(of)
	}
	return "a value of another type"
}
