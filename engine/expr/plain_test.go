package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// message is an expression that does not compile, and what is said of it.
type message struct {
	source string
	want   []string // offset, message and hint
}

// unreadable are expressions that the parser refuses.
func unreadable() []message {
	return []message{
		{`action.type = "a"`, []string{"12 `=` means nothing in CEL (write == to compare)"}},
		{`action.type == "a" and true`, []string{"19 `and` stands where an operator such as && or the end of the expression is expected (write &&)"}},
		{`action.type == "a" or true`, []string{"19 `or` stands where an operator such as && or the end of the expression is expected (write ||)"}},
		{"not true", []string{"4 `true` stands where an operator such as && or the end of the expression is expected (write ! before what is negated)"}},
		{`action.type == "a" & true`, []string{"19 `&` means nothing in CEL (write && for and)"}},
		{`action.type == "a" | true`, []string{"19 `|` means nothing in CEL (write || for or)"}},
		{`action.type !== "a"`, []string{"14 `=` means nothing in CEL (write !=)"}},
		{`action.type === "a"`, []string{"14 `=` means nothing in CEL (write ==)"}},
		{`data.purpose in ["a" "b"]`, []string{"21 `\"b\"` stands where `]` or `,` is expected (separate elements by commas)"}},
		{`data.purpose.contains "x"`, []string{"22 `\"x\"` stands where an operator such as && or the end of the expression is expected (write text.contains(\"part\"), or for an element of a list \"a\" in list)"}},
		{`"a" contains action.type`, []string{"4 `contains` stands where an operator such as && or the end of the expression is expected (write text.contains(\"part\"), or for an element of a list \"a\" in list)"}},
		{"action.type == ‘a’", []string{"15 `‘` means nothing in CEL (write straight quotes: \"text\")"}},
		{"action.type == “a”", []string{"15 `“` means nothing in CEL (write straight quotes: \"text\")"}},
		{"data.", []string{"5 the name of a field is expected behind the dot"}},
		{"data.purpose ==", []string{"15 the expression ends where a value is expected"}},
		{`(data.purpose == "a"`, []string{"20 the expression ends where `)` is expected"}},
		{`data.purpose == "a")`, []string{"19 `)` closes nothing (leave it out, or open it)"}},
		{"data.purpose == 'a", []string{"16 the text that begins with `'a` has no end (close it with the quote it begins with; a backslash in it is written \\\\)"}},
		{`has(data.purpose == "a")`, []string{"17 has() takes a field, as in has(data.purpose)"}},
		{`has("x")`, []string{"4 has() takes a field, as in has(data.purpose)"}},
		{`data.categories.exists("c", true)`, []string{`23 a loop needs a name for the element (write list.exists(x, x == "a"))`}},
		{`action.type like "a"`, []string{"12 `like` stands where an operator such as && or the end of the expression is expected (write text.matches(\"pattern\"))"}},
		{`action.type == "a"; true`, []string{"18 `;` means nothing in CEL (an expression is one condition; join several by &&)"}},
		{"if (true) { false }", []string{"0 `if` is a word that CEL keeps for itself (write condition ? yes : no)"}},
		{`action.type =~ "a"`, []string{"12 `=~` means nothing in CEL (write text.matches(\"pattern\"))"}},
		{`action.type <> "a"`, []string{"13 `>` stands where a value is expected (write !=)"}},
		{"data.retentionDays == 1.5.5", []string{"25 `.5` stands where an operator such as && or the end of the expression is expected"}},
		{`action.type matches "a"`, []string{"12 `matches` stands where an operator such as && or the end of the expression is expected (write text.matches(\"pattern\"))"}},
		{`action.type == "a" AND true`, []string{"19 `AND` stands where an operator such as && or the end of the expression is expected (write &&)"}},
		{"[1, 2", []string{"5 the expression ends where `]` or `,` is expected"}},
		{`{"a": 1`, []string{"7 the expression ends where `}` or `,` is expected"}},
		{`{"a" 1} == {}`, []string{"5 `1` stands where `:` is expected"}},
		{"data.categories.exists(action.type, true)", []string{`29 a loop needs a name for the element (write list.exists(x, x == "a"))`}},
		{"1 +", []string{"3 the expression ends where a value is expected"}},
		{"true ? 1", []string{"8 the expression ends where `:` is expected"}},
		{"true ? true : ", []string{"14 the expression ends where a value is expected"}},
		{"data.fields.exists(1, true)", []string{`19 a loop needs a name for the element (write list.exists(x, x == "a"))`}},
		{`action.type == "\q"`, []string{"15 the text that begins with `\"\\q` has no end (close it with the quote it begins with; a backslash in it is written \\\\)"}},
		{"99999999999999999999 == 1", []string{"0 the number is too large"}},
		{"data.purpose == r'a", []string{"17 the text that begins with `'a` has no end (close it with the quote it begins with; a backslash in it is written \\\\)"}},
		{"for x in data.fields", []string{"0 `for` is a word that CEL keeps for itself", "4 `x` stands where an operator such as && or the end of the expression is expected"}},
		{`data.fields[0 == "a"`, []string{"20 the expression ends where `]` is expected"}},
		{`action.type == "a" && && true`, []string{"22 `&&` stands where a value is expected"}},
		{"&& true", []string{"0 `&&` stands where a value is expected"}},
		{"|| true", []string{"0 `||` stands where a value is expected"}},
		{"== 3", []string{"0 `==` stands where a value is expected"}},
		{"!", []string{"1 the expression ends where a value is expected"}},
		{"has(data.purpose) and has(data.region)", []string{"18 `and` stands where an operator such as && or the end of the expression is expected (write &&)"}},
		{"# comment", []string{"0 `#` means nothing in CEL"}},
		{"// comment", []string{"10 the expression ends where a value is expected"}},
		{"`x` == 1", []string{"0 ``x`` stands where a value is expected"}},
		{`data.?purpose == "a"`, []string{"4 `.?` means nothing in CEL"}},
	}
}

// meaningless are expressions that the type checker refuses.
func meaningless() []message {
	return []message{
		{"action.type ? true : false", []string{`12 true or false is expected, and this is text (compare it, as in data.purpose == "support")`}},
		{"night() ? action.type : 3", []string{"8 cannot choose between text and a whole number: `? :` (around : stand two values of one type)"}},
		{"data.categories.filter(c, c)", []string{`22 true or false is expected, and this is text (compare it, as in data.purpose == "support")`}},
		{`mesh.Data{purpose: "a"} == data`, []string{"9 an expression cannot make an object (compare the fields one by one)"}},
		{"type(context.x) == mesh.Data", []string{"0 the expression cannot be evaluated: the type of a record has no name"}},
		{`"EMAIL" in content.findings`, []string{"8 cannot look for text in a list of records: `in` (compare a field of the elements, as in list.exists(x, x.type == \"EMAIL\"))"}},
		{"context == 1", []string{"8 cannot compare a map with a whole number: `==` (read a key of the map, as in context.approved)"}},
		{`data.purpose.exists(c, c == "a")`, []string{"4 a loop goes through a list or a map, and this is text (loop through a list, as in data.categories)"}},
		{`b"a" == "a"`, []string{"5 cannot compare bytes with text: `==` (both sides must be of one type)"}},
		{"night", []string{"0 night is a function (call it: night())"}},
		{"has(data.purpose) && night && egress.tls", []string{"21 night is a function (call it: night())"}},
		{"size > 3", []string{"0 size is a function (call it: size(list))"}},
		{"data() == 1", []string{"0 data is a field of the action, not a function (leave the parentheses out, and name a field of it, as in data.categories)"}},
		{`environment("x")`, []string{"0 environment is a field of the action, not a function (leave the parentheses out)"}},
		{"type(data.purpose) == string", []string{`22 string is a function, not a type (the type of x is asked for by type(x) == type(""))`}},
		{`action.type in "a"`, []string{"12 cannot look for text in text: `in` (look for one of several texts by x in [\"a\", \"b\"], for a part of a text by text.contains(\"part\"))"}},
		{"action.type in action", []string{"12 cannot look for text in a record: `in` (in takes a list, as in x in [\"a\", \"b\"], or a map)"}},
		{`data.categories.contains("pii")`, []string{`24 contains() of a list of texts does not take text (write "a" in list)`}},
		{"action == 3", []string{"7 cannot compare a record with a whole number: `==` (name one of its fields: type, name, scope, properties)"}},
		{"action", []string{"0 the expression must be true or false, but is a record (name one of its fields: type, name, scope, properties)"}},
		{"data.consent > 3", []string{"13 cannot compare a record with a whole number: `>` (name one of its fields: given, purposes, withdrawn)"}},
		{"action.type < 3", []string{"12 cannot compare text with a whole number: `<` (both sides must be of one type)"}},
		{`action.type + 3 == "a"`, []string{"12 cannot add text and a whole number: `+` (both sides must be of one type)"}},
		{"!action.type", []string{"0 cannot negate text: `!` (compare it, as in x == \"a\")"}},
		{"action.type && true", []string{`6 true or false is expected, and this is text (compare it, as in data.purpose == "support")`}},
		{"data.categories.exists(c)", []string{`16 exists() is not called like this (write list.exists(x, x == "a"))`}},
		{`data.categories.any(c, c == "a")`, []string{`16 unknown name any (write list.exists(x, x == "a"))`}},
		{"AND(true, false)", []string{"0 unknown name AND (write &&)"}},
		{"data.purpose.length() > 3", []string{"13 unknown name length (write size(x))"}},
		{"len(data.fields) > 3", []string{"0 unknown name len (write size(x))"}},
		{`data.purpose.toLowerCase() == "a"`, []string{`13 unknown name toLowerCase (list the spellings, x in ["a", "A"], or write x.matches("(?i)^a$"))`}},
		{"data.purpose == null", []string{"13 cannot compare text with null: `==` (whether a field is stated is asked by has(data.purpose))"}},
		{"True", []string{"0 unknown name True (write true)"}},
		{"data.categories[0].foo", []string{"18 there are no fields in text (leave the field out; a function is called with ())"}},
		{`data.categories["a"] == "b"`, []string{"15 cannot take an element of a list of texts by text: `[…]` (elements of a list have whole numbers, from 0; \"a\" in list looks for one)"}},
		{"data.encryption.algorithm.x == 1", []string{"25 there are no fields in text (leave the field out; a function is called with ())"}},
		{"action.type.startsWith(3)", []string{`22 startsWith() of text does not take a whole number (write text.startsWith("begin"))`}},
		{`action.type.startsWith("a", "b")`, []string{`22 startsWith() of text does not take text and text (write text.startsWith("begin"))`}},
		{`1 < "a"`, []string{"2 cannot compare a whole number with text: `<` (both sides must be of one type)"}},
		{`timestamp < "2024"`, []string{"10 cannot compare a time with text: `<` (write the time as timestamp(\"2026-01-31T12:00:00Z\"))"}},
		{"timestamp - 3 > timestamp", []string{"10 cannot subtract a whole number from a time: `-` (write the span of time as duration(\"24h\"))"}},
		{`duration("x") < duration("1h")`, []string{"0 `duration(\"x\")` always fails: the value does not become a duration (correct it, or leave it out)"}},
		{"params == 3", []string{"7 cannot compare params as a whole with a whole number: `==` (name one of its fields: limit, least, host, level, hosts, any)"}},
		{"params.nope == 3", []string{"7 params has no field nope (known here: limit, least, host, level, hosts, any)"}},
		{"x", []string{"0 unknown name x"}},
		{"a.b.c", []string{"0 unknown name a"}},
		{"data.categories.map(c)", []string{"16 map() is not called like this (write list.map(x, x + 1))"}},
		{"size() > 1", []string{"4 size() needs something to look at (write size(list))"}},
		{"data.categories == 3", []string{"16 cannot compare a list of texts with a whole number: `==` (both sides must be of one type)"}},
		{"timestamp.getHours == 3", []string{"9 there are no fields in a time (leave the field out; a function is called with ())"}},
		{"getHours() == 3", []string{"8 getHours() needs something to look at (write timestamp.getHours())"}},
		{"duration == 3", []string{`0 duration is a function (call it: duration("24h"))`}},
		{"int > 3", []string{"0 int is a function, not a type (the type of x is asked for by type(x) == type(0))"}},
		{"params", []string{"0 the expression must be true or false, but is params as a whole (name one of its fields: limit, least, host, level, hosts, any)"}},
		{"params()", []string{"0 params is no function (a parameter is read as params.NAME)"}},
		{"night(1)", []string{"0 night() is not called like this (write night())"}},
		{"nigth", []string{"0 unknown name nigth (did you mean night()?)"}},
		{`night("x") && nigth()`, []string{"0 night() is not called like this (write night())", "14 unknown name nigth (did you mean night?)"}},
		{"data.night()", []string{"5 night() is not called like this (write night())"}},
		{"action.data == 1", []string{"7 action has no field data (known here: type, name, scope, properties)"}},
		{`context.a < "b" && context`, []string{`19 true or false is expected, and this is a map (compare it, as in data.purpose == "support")`}},
		{"tool.args.amount.foo() == 1", []string{"17 unknown name foo"}},
		{"-action.type == 3", []string{"0 cannot negate text: `-` (- takes a number)"}},
		{`[1] + ["a"] == []`, []string{"4 cannot add a list of numbers and a list of texts: `+` (both sides must be of one type)"}},
		{"[1] + 3 == []", []string{"4 cannot add a list of numbers and a whole number: `+` (both sides must be of one type)"}},
		{"action.type - 1 == 3", []string{"12 cannot subtract a whole number from text: `-` (both sides must be of one type)"}},
		{`"abc" > true`, []string{"6 cannot compare text with true or false: `>` (write true and false without quotes)"}},
		{`data.purpose == "x" -- comment`, []string{"20 cannot subtract a value of any type from text: `-` (both sides must be of one type)", "23 unknown name comment (did you mean content?)"}},
	}
}

// TestMessages holds what is said of expressions that do not compile: where, in
// plain words, and what to write.
func TestMessages(t *testing.T) {
	t.Parallel()
	e := boundedEnv(t)
	for _, tt := range append(unreadable(), meaningless()...) {
		t.Run(tt.source, func(t *testing.T) {
			t.Parallel()
			_, issues := e.Compile(tt.source)
			var got []string
			for _, i := range issues {
				s := fmt.Sprintf("%d %s", i.Offset, strings.TrimPrefix(i.Message, "CEL: "))
				if i.Hint != "" {
					s += " (" + i.Hint + ")"
				}
				got = append(got, s)
				for _, leak := range []string{"mesh.", "google.", "expecting", "overload", "<EOF>", "list(", "_"} {
					if strings.Contains(i.Message, leak) {
						t.Errorf("%q says %s", i.Message, leak)
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
