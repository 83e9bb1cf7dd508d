package pdp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
)

// encoder writes decisions as JSON, in the order of the struct's fields.
// Decisions are what a runtime writes most, and a general encoder takes longer
// for one than everything else together. Its output is that of a general
// encoder; a test compares them.
type encoder struct {
	out []byte
	err error // the first value that cannot be written
}

func (e *encoder) raw(s string) { e.out = append(e.out, s...) }

// text writes a string. What is not UTF-8 is replaced: the decision was made and
// recorded, and has to reach who asked.
func (e *encoder) text(s string) {
	if isPlain(s) {
		e.out = append(e.out, '"')
		e.out = append(e.out, s...)
		e.out = append(e.out, '"')
		return
	}
	before := len(e.out)
	quoted, err := jsontext.AppendQuote(e.out, s)
	if err != nil {
		quoted, err = jsontext.AppendQuote(e.out[:before], strings.ToValidUTF8(s, "\uFFFD"))
	}
	if e.out = quoted; err != nil && e.err == nil {
		e.err = fmt.Errorf("writing %q: %w", s, err)
	}
}

// isPlain reports whether a string stands in JSON as it is, as nearly all of a
// decision's do: a general encoder spends more time on finding out than on
// writing.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// field writes `name":"s"` behind what begins it.
func (e *encoder) field(name, s string) {
	e.raw(name)
	e.text(s)
}

// optional writes a field that is left out where it is empty.
func (e *encoder) optional(name, s string) {
	if s != "" {
		e.field(name, s)
	}
}

func (e *encoder) flag(name string, b bool) {
	e.raw(name)
	e.out = strconv.AppendBool(e.out, b)
}

// any writes what only a general encoder can.
func (e *encoder) any(name string, v any) {
	e.raw(name)
	data, err := json.Marshal(v, json.Deterministic(true))
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("writing a decision: %w", err)
	}
	e.out = append(e.out, data...)
}

func list[T any](e *encoder, name string, items []T, write func(*encoder, *T)) {
	e.raw(name)
	e.raw("[")
	for i := range items {
		if i > 0 {
			e.raw(",")
		}
		write(e, &items[i])
	}
	e.raw("]")
}

func texts[T ~string](e *encoder, name string, items []T) {
	list(e, name, items, func(e *encoder, s *T) { e.text(string(*s)) })
}

func (e *encoder) decision(d *mesh.Decision) {
	e.flag(`{"allowed":`, d.Allowed)
	list(e, `,"violations":`, d.Violations, (*encoder).violation)
	texts(e, `,"recommendations":`, d.Recommendations)
	e.raw(`,"auditLog":`)
	e.entry(&d.AuditLog)
	e.field(`,"mode":`, string(d.Mode))
	e.flag(`,"wouldAllow":`, d.WouldAllow)
	e.flag(`,"evaluated":`, d.Evaluated)
	list(e, `,"obligations":`, d.Obligations, (*encoder).obligation)
	if d.Errors != nil {
		list(e, `,"errors":`, d.Errors, (*encoder).ruleError)
	}
	texts(e, `,"bundles":`, d.Bundles)
	e.raw(`,"evaluationNanos":`)
	e.out = strconv.AppendInt(e.out, d.EvaluationNanos, 10)
	if d.Unrecorded {
		e.flag(`,"unrecorded":`, true)
	}
	e.raw("}")
}

func (e *encoder) violation(v *mesh.Violation) {
	e.field(`{"policyId":`, v.PolicyID)
	e.field(`,"ruleId":`, v.RuleID)
	texts(e, `,"controls":`, v.Controls)
	e.field(`,"severity":`, string(v.Severity))
	e.field(`,"message":`, v.Message)
	e.optional(`,"recommendation":`, v.Recommendation)
	if v.Clauses != nil {
		list(e, `,"clauses":`, v.Clauses, (*encoder).clause)
	}
	e.raw("}")
}

func (e *encoder) clause(c *mesh.Clause) {
	e.field(`{"clause":`, c.Clause)
	list(e, `,"fields":`, c.Fields, (*encoder).fieldValue)
	e.field(`,"wanted":`, c.Wanted)
	e.raw("}")
}

func (e *encoder) fieldValue(f *mesh.FieldValue) {
	e.field(`{"field":`, f.Field)
	switch v := f.Value.(type) {
	case nil:
	case string:
		e.field(`,"value":`, v)
	case bool:
		e.flag(`,"value":`, v)
	case int64:
		e.raw(`,"value":`)
		e.out = strconv.AppendInt(e.out, v, 10)
	default:
		e.any(`,"value":`, v)
	}
	e.raw("}")
}

func (e *encoder) obligation(o *mesh.Obligation) {
	e.field(`{"type":`, o.Type)
	if o.Properties != nil {
		e.any(`,"properties":`, o.Properties)
	}
	e.raw("}")
}

func (e *encoder) ruleError(r *mesh.RuleError) {
	e.field(`{"policyId":`, r.PolicyID)
	e.field(`,"ruleId":`, r.RuleID)
	e.field(`,"message":`, r.Message)
	e.raw("}")
}

func (e *encoder) entry(a *mesh.AuditEntry) {
	e.field(`{"eventId":`, a.EventID)
	e.raw(`,"timestamp":"`)
	e.out = a.Timestamp.AppendFormat(e.out, time.RFC3339Nano)
	e.field(`","tenantId":`, string(a.TenantID))
	e.field(`,"agentId":`, string(a.AgentID))
	e.field(`,"action":`, a.Action)
	e.raw(`,"actor":`)
	e.object(`"userId":`, a.Actor.UserID, `"role":`, a.Actor.Role, `"ipAddress":`, a.Actor.IPAddress)
	e.raw(`,"resource":`)
	e.object(`"type":`, a.Resource.Type, `"id":`, a.Resource.ID, `"classification":`, a.Resource.Classification)
	e.field(`,"outcome":`, a.Outcome)
	list(e, `,"policyEvaluations":`, a.PolicyEvaluations, (*encoder).policyEvaluation)
	e.optional(`,"signature":`, a.Signature)
	e.raw("}")
}

// object writes an object of names and texts, without those that are empty.
func (e *encoder) object(namesAndTexts ...string) {
	separator := "{"
	for i := 0; i < len(namesAndTexts); i += 2 {
		if namesAndTexts[i+1] == "" {
			continue
		}
		e.raw(separator)
		e.field(namesAndTexts[i], namesAndTexts[i+1])
		separator = ","
	}
	if separator == "{" {
		e.raw("{")
	}
	e.raw("}")
}

func (e *encoder) policyEvaluation(p *mesh.PolicyEvaluation) {
	e.field(`{"policyId":`, p.PolicyID)
	e.field(`,"decision":`, p.Decision)
	e.field(`,"reason":`, p.Reason)
	e.field(`,"mode":`, string(p.Mode))
	texts(e, `,"rules":`, p.Rules)
	texts(e, `,"controls":`, p.Controls)
	e.raw("}")
}
