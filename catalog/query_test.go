package catalog

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text      string
		words     []string
		prefix    bool
		citations []string
	}{
		{text: ""},
		{text: "encrypt", words: []string{"encrypt"}, prefix: true},
		{text: "encrypt ", words: []string{"encrypt"}},
		{text: `"AND" OR NEAR(x*)`, words: []string{"and", "or", "near", "x"}},
		{text: "Datenschutz für Ämter", words: []string{"datenschutz", "für", "ämter"}, prefix: true},
		{text: "164.312(e)(1)", words: []string{"164", "312", "e", "1"}, citations: []string{"164.312(e)(1)"}},
		{text: "Art. 17 deletion", words: []string{"art", "17", "deletion"}, prefix: true, citations: []string{"Art. 17"}},
		{text: "AC-2(1)", words: []string{"ac", "2", "1"}, citations: []string{"AC-2(1)"}},
		{text: "gdpr:Art.17(2) x", words: []string{"gdpr", "art", "17", "2", "x"}, prefix: true, citations: []string{"gdpr:Art.17(2)"}},
	} {
		q, err := parseQuery(test.text)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if len(q.words) != len(test.words) || strings.Join(q.words, "|") != strings.Join(test.words, "|") || q.prefix != test.prefix {
			t.Errorf("%q: words %q, prefix %v", test.text, q.words, q.prefix)
		}
		if strings.Join(q.citations, "|") != strings.Join(test.citations, "|") {
			t.Errorf("%q: citations %q", test.text, q.citations)
		}
	}
	for _, bad := range []string{strings.Repeat("x", maxQueryLength+1), "\xff"} {
		if _, err := parseQuery(bad); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}

func TestReduceLabel(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"AC-2(1)": "ac.2.1", "ac-2.1": "ac.2.1", "AC-02 (01)": "ac.2.1", "Art. 17(2)": "art.17.2", "Article 17 (2)": "art.17.2",
		"164.312(e)(1)": "164.312.e.1", "CC6.1": "cc.6.1", "A.5.1": "a.5.1", "": "", "()": "", "LLM01": "llm.1", "0": "0",
	} {
		if got := ReduceLabel(written); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

func TestSpelling(t *testing.T) {
	t.Parallel()
	s := newSpelling(map[string]int{"gdpr": 3, "hipaa": 5, "encryption": 9, "encrypting": 1, "retention": 4, "consent": 2, "content": 2, "ai": 7})
	for misspelt, want := range map[string]string{
		"gpdr": "gdpr", "hippa": "hipaa", "encrytion": "encryption", "encripton": "encryption", "retension": "retention",
		"consnet": "consent", // a swap is one edit, a replaced letter is farther
		"xyz":     "", "a": "", "encyclopedia": "", strings.Repeat("e", maxWordLength+1): "",
	} {
		got, ok := s.correct(misspelt)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", misspelt, got, ok, want)
		}
	}
}

func TestVersionKeyOrder(t *testing.T) {
	t.Parallel()
	// The order of semver 2.0 section 11, with the borders of each rule.
	order := []string{
		"0.0.1-0", "0.0.1-1", "0.0.1-9", "0.0.1-10", "0.0.1--", "0.0.1-a", "0.0.1-a.1", "0.0.1-a.b", "0.0.1-a-", "0.0.1-aa", "0.0.1-b",
		"0.0.1", "0.0.2", "0.1.0", "0.9.0", "0.10.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "9.0.0", "10.0.0", "18446744073709551615.0.0",
	}
	var before string
	for _, v := range order {
		key, pre, err := VersionKey(v)
		if err != nil {
			t.Fatal(err)
		}
		if key <= before {
			t.Errorf("%s does not sort behind what is lower", v)
		}
		if pre != strings.Contains(v, "-") {
			t.Errorf("%s: pre-release %v", v, pre)
		}
		before = key
	}
	if before >= "~" {
		t.Error("a key sorts behind the end")
	}
}

func TestCursors(t *testing.T) {
	t.Parallel()
	c := encodeCursor("things", "key")
	if key, err := decodeCursor("things", c); err != nil || key != "key" {
		t.Errorf("%q, %v", key, err)
	}
	for _, bad := range []string{"x", "%%%", encodeCursor("others", "key"), encodeCursor("things", ""), strings.Repeat("A", maxCursorLength+4)} {
		if _, err := decodeCursor("things", bad); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	numbers := []int{1, 2, 3, 4, 5}
	var got []int
	cursor := ""
	for {
		page, err := PageOf("numbers", numbers, cursor, 2, func(n int) string { return string(rune('0' + n)) }, func(n int) int { return n })
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff(numbers, got); diff != "" {
		t.Error(diff)
	}
}

func TestNotifier(t *testing.T) {
	t.Parallel()
	var n Notifier
	first := n.Watch(TopicEvidence)
	n.Notify(TopicReleases)
	select {
	case <-first:
		t.Error("another topic's change was announced")
	default:
	}
	n.Notify(TopicEvidence)
	<-first
	if n.Version(TopicEvidence) != 1 {
		t.Errorf("version is %d", n.Version(TopicEvidence))
	}
	select {
	case <-n.Watch(TopicEvidence):
		t.Error("a past change ends a new wait")
	default:
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"gdpr", `"a" OR title:b*`, "Art. 17(2)", "AC-2(1) encryption", "\x00", "é̂", "hipaa:164.312(e)(1)", strings.Repeat("a ", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseQuery(text)
		if err != nil {
			if mesh.CodeOf(err) != mesh.CodeInvalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if len(q.words) > maxQueryWords || len(q.citations) > maxLabels {
			t.Fatalf("%q: %d words, %d citations", text, len(q.words), len(q.citations))
		}
		for _, w := range q.words {
			if w == "" || !utf8.ValidString(w) || strings.ContainsFunc(w, func(r rune) bool { return !isWordRune(r) }) {
				t.Fatalf("%q: word %q", text, w)
			}
		}
		for _, c := range q.citations {
			l := parseLabel(nil, "", c)
			if strings.Trim(l.local, "abcdefghijklmnopqrstuvwxyz0123456789.") != "" && isASCII(l.local) {
				t.Fatalf("%q: label %q", c, l.local)
			}
			q.without(text, c)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
