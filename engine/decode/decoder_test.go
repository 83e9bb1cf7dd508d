package decode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// with is an action with more members at its top.
func with(members string) string { return `{"action":{"type":"egress"},` + members + `}` }

// nested is a context of so many objects in each other.
func nested(levels int, innermost string) string {
	return with(`"context":` + strings.Repeat(`{"a":`, levels) + innermost + strings.Repeat(`}`, levels))
}

var megabyte = strings.Repeat("1", 1_000_000)

// hostile are documents that want to be read wrong, where the fault lies and
// what is said about it. Nothing is wrong with those that have no place.
var hostile = []struct{ name, in, at, message string }{
	{"deep objects", nested(10_000, "1"), "1:354", "nested more than 64 levels deep"},
	{"deep lists", with(`"context":{"a":` + strings.Repeat(`[`, 10_000)), "1:106", "nested more than 64 levels deep"},
	{"deeper than allowed", nested(decode.MaxDepth-1, "[]"), "1:354", "nested more than 64 levels deep"},
	{"as deep as allowed", nested(decode.MaxDepth-2, "[]"), "", ""},
	{"long list", with(`"data":{"fields":[` + strings.Repeat(`"a",`, decode.MaxListLength) + `"a"]}`), "1:46", "data.fields: the list has more than 10000 elements"},

	{"unknown field", with(`"dta":{}`), "1:29", "dta: unknown field"},
	{"unknown field that begins like one", with(`"agents":{}`), "1:29", "agents: unknown field"},
	{"unknown field that is a beginning", with(`"agen":{}`), "1:29", "agen: unknown field"},
	{"twice", with(`"action":{"type":"egress"}`), "1:29", "action: the field is given twice"},
	{"twice, once null", with(`"agent":null,"agent":{}`), "1:42", "agent: the field is given twice"},
	{"twice, once escaped", with(`"\u0061ction":{"type":"egress"}`), "1:29", "action: the field is given twice"},
	{"twice within", with(`"data":{"consent":{"given":true,"given":true}}`), "1:61", "data.consent.given: the field is given twice"},
	{"twice in a list", with(`"content":{"findings":[{"type":"A","type":"B"}]}`), "1:64", "content.findings.0.type: the field is given twice"},
	{"twice in free form", with(`"context":{"a":1,"a":1}`), "1:46", "context.a: the field is given twice"},
	{"twice in free form, once escaped", with(`"context":{"a":1,"\u0061":2}`), "1:46", "context.a: the field is given twice"},
	{"twice deep in free form", with(`"tool":{"args":{"a":{"b":[{"c":1,"d":2,"c":3}]}}}`), "1:68", "tool.args.a.b.0.c: the field is given twice"},
	{"the same in different objects", with(`"context":{"a":{"a":1},"b":{"a":1}}`), "", ""},
	{"escaped name", `{"\u0061ction":{"type":"egress"}}`, "", ""},

	{"a megabyte of digits", with(`"data":{"retentionDays":` + megabyte + `}`), "1:53", "data.retentionDays: expected a whole number of at most 9223372036854775807, found the number 111"},
	{"a megabyte of digits for a number", with(`"request":{"ageHours":` + megabyte + `}`), "1:51", "request.ageHours: expected a number, found the number 111"},
	{"a megabyte of digits in free form", with(`"context":{"a":` + megabyte + `}`), "1:44", "context.a: the number is out of range"},
	{"a megabyte of decimals", with(`"context":{"a":0.` + megabyte + `}`), "", ""},
	{"1e400", with(`"request":{"ageHours":1e400}`), "1:51", "request.ageHours: expected a number, found the number 1e400"},
	{"1e400 in free form", with(`"context":{"a":[1e400]}`), "1:45", "context.a.0: the number is out of range"},
	{"1e400 for a count", with(`"data":{"retentionDays":1e400}`), "1:53", "data.retentionDays: expected a whole number"},
	{"1e19 for a count", with(`"data":{"retentionDays":1e19}`), "1:53", "data.retentionDays: expected a whole number of at most 9223372036854775807, found the number 1e19"},
	{"whole in other spellings", with(`"data":{"retentionDays":1e18},"session":{"callsLastMinute":9223372036854775.807E+3}`), "", ""},
	{"not quite whole", with(`"data":{"retentionDays":9223372036854775.8071e3}`), "1:53", "data.retentionDays: expected a whole number"},
	{"an exponent without end", with(`"data":{"retentionDays":1e` + megabyte + `}`), "1:53", "data.retentionDays: expected a whole number"},
	{"1e-400", with(`"request":{"ageHours":1e-400},"context":{"a":1e-400},"data":{"retentionDays":1e-400}`), "", ""},
	{"-0", with(`"request":{"ageHours":-0},"context":{"a":-0,"b":-0.0},"data":{"retentionDays":-0}`), "", ""},
	{"largest", with(`"data":{"retentionDays":9223372036854775807},"context":{"a":9223372036854775807}`), "", ""},
	{"beyond the largest", with(`"data":{"retentionDays":9223372036854775808}`), "1:53", "data.retentionDays: expected a whole number"},
	{"beyond the largest in free form", with(`"context":{"a":9223372036854775808,"b":-9223372036854775809}`), "", ""},
	{"fraction of a count", with(`"data":{"retentionDays":12.5}`), "1:53", "data.retentionDays: expected a whole number"},
	{"negative count", with(`"data":{"retentionDays":-1}`), "1:53", "data.retentionDays: the number is negative"},
	{"negative count in a list", with(`"content":{"findings":[{"count":1},{"count":-1}]}`), "1:73", "content.findings.1.count: the number is negative"},
	{"negative count on a line of its own", "{\"action\": {\"type\": \"data.read\"},\n \"data\" : { \"fields\":[\"x\"],\n\t\"retentionDays\" :  -1}}", "3:21", "data.retentionDays: the number is negative"},
	{"empty type", `{"data":{},"action":{"type":""}}`, "1:29", "action.type: the field is missing or empty"},
	{"no type", `{"data":{},"action":{}}`, "1:21", "action.type: the field is missing or empty"},
	{"half a surrogate pair", with(`"requestId":"a\ud800bc","tenantId":"t"`), "1:43", "invalid surrogate pair `\\ud800` in string"},
	{"score", with(`"content":{"injectionScore":1.5}`), "1:57", "content.injectionScore: the number is not between 0 and 1"},
	{"NaN", with(`"request":{"ageHours":NaN}`), "1:51", "invalid character 'N'"},
	{"Infinity", with(`"request":{"ageHours":Infinity}`), "1:51", "invalid character 'I'"},
	{"-Infinity", with(`"context":{"a":-Infinity}`), "1:45", "invalid character 'I' in number"},
	{"plus", with(`"request":{"ageHours":+1}`), "1:51", "invalid character '+'"},
	{"leading zero", with(`"request":{"ageHours":01}`), "1:52", "invalid character '1' after object value"},
	{"no digit before the point", with(`"request":{"ageHours":.5}`), "1:51", "invalid character '.'"},
	{"no digit behind the point", with(`"request":{"ageHours":1.}`), "1:53", "invalid character '}' in number"},
	{"no exponent", with(`"data":{"retentionDays":1e}`), "1:55", "invalid character '}' in number"},
	{"minus alone", with(`"data":{"retentionDays":-}`), "1:54", "invalid character '}' in number"},
	{"hexadecimal", with(`"data":{"retentionDays":0x10}`), "1:54", "invalid character 'x'"},
	{"underscore", with(`"context":{"a":1_000}`), "1:45", "invalid character '_'"},

	{"lone surrogate", with(`"requestId":"\ud800"`), "1:42", `invalid surrogate pair`},
	{"surrogates in the wrong order", with(`"requestId":"\udc00\ud800"`), "1:42", `invalid surrogate pair`},
	{"lone surrogate in a name", with(`"context":{"\ud800":1}`), "1:41", `invalid surrogate pair`},
	{"surrogate pair", with(`"requestId":"\ud83d\ude00"`), "", ""},
	{"escaped NUL", with(`"requestId":"\u0000","context":{"\u0000":"\u0000"}`), "", ""},
	{"NUL in text", with("\"requestId\":\"\x00\""), "1:42", `invalid character '\x00' in string`},
	{"NUL before a value", with("\"requestId\":\x00\"\""), "1:41", `invalid character '\x00'`},
	{"NUL behind the end", with(`"requestId":""`) + "\x00", "1:44", `invalid character '\x00' after top-level value`},
	{"line break in text", with("\"requestId\":\"a\nb\""), "1:43", `invalid character '\n' in string`},
	{"escaped line break", with("\"requestId\":\"a\\\nb\""), "1:43", `invalid escape sequence`},
	{"DEL in text", with("\"requestId\":\"a\x7fb\""), "", ""},
	{"unknown escape", with(`"requestId":"\x41"`), "1:42", `invalid escape sequence`},
	{"escape that is not hexadecimal", with(`"requestId":"\u00g0"`), "1:42", `invalid escape sequence`},
	{"every escape", with(`"requestId":"\"\\\/\b\f\n\r\t\u00e9\u20AC"`), "", ""},

	{"byte order mark", "\xef\xbb\xbf" + with(`"requestId":""`), "1:1", `invalid character '\ufeff'`},
	{"UTF-16", "\xff\xfe{\x00}\x00", "1:1", `invalid character '\xff'`},
	{"UTF-16 without a mark", "{\x00}\x00", "1:2", `invalid character '\x00'`},
	{"overlong UTF-8", with("\"requestId\":\"\xc0\x80\""), "1:42", "invalid UTF-8"},
	{"surrogate in UTF-8", with("\"requestId\":\"\xed\xa0\x80\""), "1:42", "invalid UTF-8"},
	{"UTF-8 cut short", with("\"requestId\":\"\xe2\x82\""), "1:42", "invalid UTF-8"},
	{"UTF-8 behind an escape", with("\"requestId\":\"\\n\xff\""), "1:44", "invalid UTF-8"},
	{"UTF-8 in a name", with("\"context\":{\"\xff\":1}"), "1:41", "invalid UTF-8"},
	{"text that is not ASCII", with(`"requestId":"Grüße, 世界 😀","context":{"ß":"é"}`), "", ""},

	{"form feed", with("\f\"requestId\":\"\""), "1:29", `invalid character '\f'`},
	{"no-break space", with("\u00a0\"requestId\":\"\""), "1:29", `invalid character '\u00a0'`},
	{"single quotes", with(`'requestId':""`), "1:29", `invalid character '\''`},
	{"no colon", with(`"requestId" "a"`), "1:41", `invalid character '"' after object name`},
	{"two colons", with(`"requestId"::"a"`), "1:41", `invalid character ':'`},
	{"comma at the end", with(`"requestId":"a",`), "1:44", `invalid character ','`},
	{"comma at the end of an inner object", `{"action":{"type":"egress",}`, "1:27", `invalid character ','`},
	{"comma at the end of a list", with(`"agent":{"scopes":["a",]}`), "1:51", `invalid character ','`},
	{"two commas", with(`,"requestId":"a"`), "1:29", `invalid character ','`},
	{"no comma", with(`"requestId":"a" "environment":"b"`), "1:45", `invalid character '"' after object value`},
	{"comment", with(`/* */"requestId":"a"`), "1:29", `invalid character '/'`},
	{"brackets crossed", with(`"agent":{"scopes":["a"}]`), "1:51", `invalid character '}'`},
	{"cut literal", with(`"context":{"a":tru}`), "1:47", "in literal true"},
	{"long literal", with(`"egress":{"tls":truex}`), "1:49", `invalid character 'x'`},
	{"two documents", `{"action":{"type":"egress"}}{"action":{"type":"egress"}}`, "1:29", `invalid character '{' after top-level value`},
	{"closed twice", with(`"requestId":""`) + "}", "1:44", `invalid character '}' after top-level value`},
	{"a list", `[{"action":{"type":"egress"}}]`, "1:1", "expected an object, found a list"},
	{"nothing but white space", " \r\n\t", "2:2", "not JSON"},
	{"null", "null", "1:1", "an action must be an object, found null"},
	{"null that goes on", "nullnull", "1:5", "not JSON"},

	{"null for a type", `{"action":{"type":null}}`, "1:19", "action.type: null stands"},
	{"null in a list", with(`"agent":{"scopes":[null]}`), "1:48", "agent.scopes.0: null stands"},
	{"null finding", with(`"content":{"findings":[null]}`), "1:52", "content.findings.0: null stands"},
	{"null for the rest", with(`"agent":null,"context":null,"timestamp":null,"requestId":null,"tenantId":null,"content":{"findings":null,"labels":null,"injectionScore":null,"inputTokens":null},"egress":{"tls":null}`), "", ""},
	{"object for a list", with(`"agent":{"scopes":{}}`), "1:47", "agent.scopes: expected a list, found an object"},
	{"list for an object", with(`"agent":[]`), "1:37", "agent: expected an object, found a list"},
	{"text for a flag", with(`"egress":{"tls":"true"}`), "1:45", "egress.tls: expected true or false, found text"},
	{"text for a number", with(`"data":{"retentionDays":"1"}`), "1:53", "data.retentionDays: expected a whole number, found text"},
	{"number for text", with(`"requestId":1`), "1:41", "requestId: expected text, found a number"},

	{"time in small letters", with(`"timestamp":"2026-11-22t10:00:00z"`), "1:41", "timestamp: expected a time"},
	{"time with a comma", with(`"timestamp":"2026-11-22T10:00:00,5Z"`), "1:41", "timestamp: expected a time"},
	{"time with a short hour", with(`"timestamp":"2026-11-22T1:00:00Z"`), "1:41", "timestamp: expected a time"},
	{"time zone beyond a day", with(`"timestamp":"2026-11-22T10:00:00+24:00"`), "1:41", "timestamp: expected a time"},
	{"time zone beyond an hour", with(`"timestamp":"2026-11-22T10:00:00+23:60"`), "1:41", "timestamp: expected a time"},
	{"time in a zone", with(`"timestamp":"2026-11-22T10:00:00.5-23:59"`), "", ""},
	{"no such day", with(`"timestamp":"2026-02-30T10:00:00Z"`), "1:41", "timestamp: expected a time"},
	{"escaped time", with(`"timestamp":"\u0032\u003026-11-22T10:00:00Z"`), "", ""},
}

func TestDecoderHostile(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	for _, tt := range hostile {
		// Subtests would read these one at a time as well: the decoder is to
		// have read all the others before.
		_, err := d.Action([]byte(tt.in))
		agree(t, &d, []byte(tt.in))
		if tt.at == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		found := findings(err)
		if len(found) != 1 || found[0].Position.String() != tt.at || !strings.Contains(found[0].Message, tt.message) {
			t.Errorf("%s: %v at %v, want %q at %s", tt.name, err, found, tt.message, tt.at)
		}
	}
}

func TestDecoderTooLarge(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	small := with(`"requestId":"a"`)
	for _, in := range []string{small + strings.Repeat(" ", decode.MaxActionSize), strings.Repeat(" ", decode.MaxBatchSize) + small} {
		if _, err := d.Action([]byte(in)); mesh.CodeOf(err) != mesh.CodeTooLarge {
			t.Errorf("Action: %v, want code too_large", err)
		}
		agree(t, &d, []byte(in))
	}
	agree(t, &d, []byte(`{"actions":[`+with(`"requestId":"`+strings.Repeat("a", decode.MaxActionSize)+`"`)+`]}`))
}

// TestDecoderAgreesNearby changes documents that are right by a byte each, so
// that everything the scanner looks at is wrong once.
func TestDecoderAgreesNearby(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	for _, document := range []string{
		with(`"context":{"a":[1,-2.5e3,true,null,"\u00e9"]},"request":{"ageHours":1.5},"timestamp":"2026-11-22T10:00:00.5+01:00"`),
		`{"actions":[{"action":{"type":"a"}},{"action":{"type":"b"},"agent":{"scopes":["x","y"],"labels":{}}}]}`,
		"{ \"action\": { \"type\":\t\"egress\" } ,\r\n\"egress\": {\"tls\": false, \"host\": \"ü\"} }\n",
		with(`"tenantId":"t","agent":{"id":"agent_123","scopes":["x","y"]},"data":{"retentionDays":12,"consent":{"given":true}},"content":{"findings":[{"count":2}]}`),
	} {
		agreeOn := agreeOnAction
		if strings.HasPrefix(document, `{"actions"`) {
			agreeOn = agreeOnBatch
		}
		for i := range document {
			before, after := document[:i], document[i+1:]
			agreeOn(t, &d, []byte(before))
			agreeOn(t, &d, []byte(before+after))
			for _, c := range []string{`"`, `\`, "{", "}", "]", ",", "0", "e", "-", " ", "\x00", "\x80"} {
				agreeOn(t, &d, []byte(before+c+after))
			}
			for _, c := range []string{`"`, ",", "0", "\n"} {
				agreeOn(t, &d, []byte(before+c+document[i:]))
			}
		}
	}
}

// TestScansEveryField holds that no field of the schema is left to the general
// decoder, and that each is noticed when it is given twice.
func TestScansEveryField(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	var visit func(o *shape.Object, open, closing string)
	visit = func(o *shape.Object, open, closing string) {
		for _, f := range o.Fields {
			for _, v := range append([]string{"null"}, valuesOf(f)...) {
				member := fmt.Sprintf("%q:%s", f.Name, v)
				once, twice := []byte(open+member+closing), []byte(open+member+","+member+closing)
				agree(t, &d, once)
				agree(t, &d, twice)
				if _, err := decode.GeneralAction(once); err == nil && !decode.Scans(once) {
					t.Errorf("the scanner does not read %s", once)
				}
				if decode.Scans(twice) {
					t.Errorf("the scanner reads %s", twice)
				}
			}
			switch f.Kind {
			case shape.Struct:
				visit(f.Object, open+fmt.Sprintf("%q:{", f.Name), "}"+closing)
			case shape.Structs:
				visit(f.Object, open+fmt.Sprintf("%q:[{", f.Name), "}]"+closing)
			}
		}
	}
	visit(shape.Action(), `{"action":{"type":"egress"},`, `}`) // the action's own fields are given twice by it
	for _, f := range shape.Action().Field("action").Object.Fields {
		if f.Name == "type" {
			continue
		}
		for _, v := range valuesOf(f) {
			in := fmt.Appendf(nil, `{"action":{"type":"egress",%q:%s}}`, f.Name, v)
			agree(t, &d, in)
			if !decode.Scans(in) {
				t.Errorf("the scanner does not read %s", in)
			}
		}
	}
}

// valuesOf are values that a field may have, in JSON.
func valuesOf(f shape.Field) []string {
	return map[shape.Kind][]string{
		shape.String:   {`""`, `"a text that is longer than eight bytes"`, `"\"é\""`},
		shape.Bool:     {`true`, `false`},
		shape.Int:      {`0`, `12`, `1.2e1`, `9223372036854775807`},
		shape.Float:    {`0`, `1`, `0.25`, `1E-3`},
		shape.Time:     {`"2026-11-22T10:00:00Z"`, `"2026-11-22T10:00:00.123456789+05:30"`},
		shape.Strings:  {`[]`, `["a"]`, `["a","","ccccccccc"]`},
		shape.Struct:   {`{}`},
		shape.Structs:  {`[]`, `[{}]`, `[{},{}]`},
		shape.FreeForm: {`{}`, `{"a":1}`, `{"":[],"b":{"c":[null,true,false,-1.5,"d",{}]}}`},
	}[f.Kind]
}

func TestScansWhatProgramsWrite(t *testing.T) {
	t.Parallel()
	var indented, ascii bytes.Buffer
	if err := json.Indent(&indented, []byte(full), "", "\t"); err != nil {
		t.Fatal(err)
	}
	e := json.NewEncoder(&ascii) // which escapes < and >
	if err := e.Encode(mesh.Action{Action: mesh.Operation{Type: "model.call", Properties: map[string]any{"a": "<b>"}}}); err != nil {
		t.Fatal(err)
	}
	for _, in := range [][]byte{typical(t), []byte(full), indented.Bytes(), ascii.Bytes()} {
		if !decode.Scans(in) {
			t.Errorf("the scanner does not read %s", in)
		}
		if batch := []byte(`{"actions": [` + string(in) + `, ` + string(in) + `]}`); !decode.ScansBatch(batch) {
			t.Errorf("the scanner does not read %s", batch)
		}
	}
}

// TestDecoderLeavesNothing holds that an action has nothing of those read
// before.
func TestDecoderLeavesNothing(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	inputs := []string{
		full, `{"action":{"type":"egress"}}`, with(`"data":{},"agent":{},"actor":{},"content":{"findings":[{}]}`), string(typical(t)),
		with(`"context":{"a":{"b":1}}`), with(`"context":{"a":{}}`), with(`"context":{}`), full,
		`{"actions":[` + full + `,` + full + `]}`, `{"actions":[{"action":{"type":"a"}},{"action":{"type":"b"},"context":{}}]}`, `{"actions":[]}`,
	}
	for _, in := range inputs {
		agree(t, &d, []byte(in))
	}
	for range 3 {
		if _, err := d.Action([]byte(`{"action":{"type":"egress"},"context":{"a":`)); err == nil {
			t.Fatal("a truncated action was accepted")
		}
		agree(t, &d, []byte(with(`"context":{"b":[]}`)))
	}
}

// TestDecoderBatchStaysInPlace holds that the actions of a batch do not move or
// change while the decoder makes room for more of them.
func TestDecoderBatchStaysInPlace(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	for _, count := range []int{3, 500, 7, 2500, 2} {
		list := make([]string, count)
		for i := range list {
			list[i] = fmt.Sprintf(`{"requestId":"r%d","action":{"type":"a"},"data":{"categories":["c%d","\u0064"],"retentionDays":%d},`+
				`"content":{"findings":[{"type":"t%d","count":%d}]},"egress":{"tls":true},"context":{"i":%d}}`, i, i, i, i, i, i)
		}
		actions, batch, err := d.Batch([]byte(`{"actions":[`+strings.Join(list, ",")+`]}`), 0)
		if err != nil || !batch || len(actions) != count {
			t.Fatalf("Batch = %d actions, %v, %v, want %d", len(actions), batch, err, count)
		}
		for i, a := range actions {
			want, err := decode.GeneralAction([]byte(list[i]))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, want) {
				t.Fatalf("action %d of %d: %s", i, count, cmp.Diff(want, a))
			}
		}
	}
}

// TestDecoderGivesBack holds that one large document does not occupy memory for
// good.
func TestDecoderGivesBack(t *testing.T) {
	t.Parallel()
	var d decode.Decoder
	large := with(`"content":{"findings":[` + strings.Repeat(`{"type":"a"},`, 5000) + `{}]},"context":{"a":[` + strings.Repeat(`{},1,`, 50_000) + `1]}`)
	if _, err := d.Action([]byte(large)); err != nil {
		t.Fatal(err)
	}
	batch := `{"actions":[` + strings.Repeat(with(`"requestId":"a","data":{"fields":["a","b","c"]}`)+`,`, 30_000) + with(`"requestId":"a"`) + `]}`
	if _, _, err := d.Batch([]byte(batch), 0); err != nil {
		t.Fatal(err)
	}
	agree(t, &d, typical(t))
	if most := 1 << 15; decode.Room(&d) > most {
		t.Errorf("the decoder keeps room for %d of a kind, want at most %d", decode.Room(&d), most)
	}
}

// TestActionOwnsItsTexts holds that what Action returns has nothing to do with
// the data any more.
func TestActionOwnsItsTexts(t *testing.T) {
	t.Parallel()
	in := []byte(full)
	want, err := decode.GeneralAction(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode.Action(in)
	if err != nil {
		t.Fatal(err)
	}
	clear(in)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Not parallel: the allocations of other tests would be counted.
func TestDecoderDoesNotAllocate(t *testing.T) {
	one := string(typical(t))
	tests := []struct{ name, in string }{
		{"typical", one},
		{"batch", `{"actions":[` + strings.Repeat(one+",", 99) + one + `]}`},
		{"escapes and other scripts", with(`"requestId":"a\n\u00e9","environment":"Grüße"`)},
		{"empty free forms", with(`"context":{},"agent":{"labels":{}},"tool":{"args":{}},"actor":{"properties":{}},"resource":{"properties":null}`)},
		{"numbers", with(`"request":{"ageHours":1.5},"content":{"injectionScore":0.25,"inputTokens":1.2e1,"findings":[{"type":"EMAIL","count":2}]}`)},
	}
	for _, tt := range tests {
		data := []byte(tt.in)
		var d decode.Decoder
		allocations := testing.AllocsPerRun(100, func() {
			if _, _, err := d.Batch(data, 0); err != nil {
				t.Fatal(err)
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations, want none", tt.name, allocations)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, tt := range hostile {
		if len(tt.in) < 10_000 {
			f.Add([]byte(tt.in), []byte(full))
		}
	}
	f.Add(typical(f), []byte(`{"actions":[`+full+`,{"action":{"type":"a"}}]}`))
	f.Add([]byte(`{"actions":[{"action":{"type":"a"}},null]}`), []byte(`{"actions":[],"actions":[]}`))
	f.Add([]byte(`{"actions":[{"action":{"type":"a"}}],"mode":1}`), []byte(`{"actions":{}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var d decode.Decoder
		agree(t, &d, first)
		agree(t, &d, second)
		agree(t, &d, first)
	})
}

// agree holds that the decoder, whatever it read before, says of data what the
// general decoder says.
func agree(t *testing.T, d *decode.Decoder, data []byte) {
	t.Helper()
	agreeOnAction(t, d, data)
	agreeOnBatch(t, d, data)
}

func agreeOnAction(t *testing.T, d *decode.Decoder, data []byte) {
	t.Helper()
	want, wantErr := decode.GeneralAction(data)
	got, err := d.Action(data)
	same(t, data, []*mesh.Action{want}, []*mesh.Action{got}, wantErr, err)
}

func agreeOnBatch(t *testing.T, d *decode.Decoder, data []byte) {
	t.Helper()
	const most = 2
	wants, wantBatch, wantErr := decode.GeneralBatch(data, most)
	gots, batch, err := d.Batch(data, most)
	same(t, data, wants, gots, wantErr, err)
	if batch != wantBatch {
		t.Errorf("%s\nBatch says batch = %v, want %v", beginning(data), batch, wantBatch)
	}
}

func same(t *testing.T, data []byte, want, got []*mesh.Action, wantErr, err error) {
	t.Helper()
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || mesh.CodeOf(err) != mesh.CodeOf(wantErr) || !reflect.DeepEqual(findings(err), findings(wantErr)) {
		t.Fatalf("%s\nerror %v %v\n want %v %v", beginning(data), err, findings(err), wantErr, findings(wantErr))
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\n%s", beginning(data), cmp.Diff(want, got))
	}
	if err != nil {
		return
	}
	// -0 and 0 are equal, but not the same.
	text, err := json.Marshal(got)
	wantText, wantErr := json.Marshal(want)
	if err != nil || wantErr != nil || !bytes.Equal(text, wantText) {
		t.Fatalf("%s\n%s %v\n%s %v", beginning(data), text, err, wantText, wantErr)
	}
}

func findings(err error) []mesh.Finding {
	var e *mesh.Error
	if errors.As(err, &e) {
		return e.Findings
	}
	return nil
}

// beginning is enough of data to see what it was.
func beginning(data []byte) string {
	const enough = 2000
	return fmt.Sprintf("%q", data[:min(len(data), enough)])
}
