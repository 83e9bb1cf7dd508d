package policy_test

import "testing"

func TestVersions(t *testing.T) {
	t.Parallel()
	wantFindings(t, []findingsTest{
		{"version is a number", "version: 3.0\nname: n\nrules: {}\n", []string{`1:10 wrong-type expected text, found 3.0 (put it in quotes: "3.0")`}},
		{"version 2", "version: \"2.0.0\"\nname: n\nruls: {}\n", []string{`1:10 unknown-version version "2.0.0" of the policy language is not known`}},
		{"an older version would be accepted", "version: \"3.0.0\"\nname: n\ndefault: deny\nrules: {}\n", nil},
		{"another patch is accepted", "version: \"3.0.7\"\nname: n\ndefault: deny\nrules: {}\n", nil},
		{"a newer version", "version: \"3.9.1\"\nname: n\nrules: {data_collection: {consent_required: true}}\n", []string{
			"1:10 newer-version the document is of version 3.9.1 of the policy language, this program knows 3.0.0 (update the program, or write",
		}},
		{"a newer version with a new key", "version: \"3.10.0\"\nname: n\nrules: {}\nquotas: {}\nenforcment: {}\n", []string{
			"1:10 newer-version",
			"4:1 unknown-key unknown key quotas; the document is of version 3.10.0 of the language, this program knows 3.0.0",
			"5:1 unknown-key unknown key enforcment; the document is of version 3.10.0 of the language, this program knows 3.0.0 (did you mean enforcement?; or update the program)",
		}},
		{"a newer version with a new mode", "version: \"3.1.0\"\nname: n\nrules: {}\nenforcement: {mode: drill}\n", []string{"4:21 wrong-value \"drill\" is not one of", "this program knows 3.0.0"}},
		{"version 4", "version: \"4.0.0\"\nname: n\nrules: {}\n", []string{`1:10 unknown-version version "4.0.0" of the policy language is not known (version is that of the language, not of your release; write version: "3.0.0")`}},
		{"version 30", "version: \"30.0.0\"\nname: n\nrules: {}\n", []string{"1:10 unknown-version"}},
		{"version with a word", "version: \"3.1.0-rc1\"\nname: n\nrules: {}\n", []string{`1:10 wrong-value "3.1.0-rc1" does not have the form`}},
		{"version of one part", "version: \"3\"\nname: n\nrules: {}\n", []string{"1:10 unknown-version"}},
	})
}
