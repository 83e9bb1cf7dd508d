package doctor

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckJournal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, journal string
		status, says  string
	}{
		{"it is written", `{"writable": true, "recording": true, "lastSeq": 9, "ackedThrough": 7}`, StatusOK, "7 of 9"},
		{"a runtime that does not say", `{"writable": true}`, StatusOK, "written"},
		{"a full disk", `{"recording": true, "reason": "no space left"}`, StatusFailed, "no space left"},
		{"nothing is delivered", `{"writable": true, "recording": true, "lastSeq": 20000}`, StatusWarning, "20000 records wait"},
		{"nothing is recorded", `{"writable": true, "recording": false, "unrecorded": 3}`, StatusWarning, "NOT recorded, 3 so far"},
		{"nothing is recorded, and nothing could be", `{"recording": false}`, StatusWarning, "NOT recorded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := &examination{runtime: runtimeFound{answered: true}}
			if err := json.Unmarshal([]byte(tt.journal), &e.runtime.status.Journal); err != nil {
				t.Fatal(err)
			}
			if got := checkJournal(t.Context(), e); got.Status != tt.status || !strings.Contains(got.Message, tt.says) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
