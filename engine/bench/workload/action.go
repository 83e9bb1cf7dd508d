package workload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// writer makes actions up.
type writer struct{ random *rand.Rand }

// pick returns one of several.
func pick[T any](w *writer, of ...T) T { return of[w.random.IntN(len(of))] }

// often says yes that many times in a hundred.
func (w *writer) often(percent int) bool { return w.random.IntN(100) < percent }

// action writes one action at a target. Three in ten break one to three rules
// of at least one of the target's policies.
func (w *writer) action(number int, policies []Policy) *mesh.Action {
	a := w.compliant(number, &policies[0])
	if number%10 < 3 {
		for _, rule := range w.random.Perm(len(breaches))[:1+w.random.IntN(3)] {
			breaches[rule](w, a, &policies[w.random.IntN(len(policies))])
		}
	}
	return a
}

// compliant writes an action that satisfies every policy of the target. What
// the rules do not ask for is there or not, as in life.
func (w *writer) compliant(number int, p *Policy) *mesh.Action {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(number) * time.Second)
	a := &mesh.Action{
		RequestID: new(fmt.Sprintf("req_%08x", w.random.Uint32())),
		Timestamp: &at,
		TenantID:  new(mesh.TenantID("tenant_789")),
		Agent:     &mesh.Agent{ID: new(mesh.AgentID(fmt.Sprintf("agent_%d", w.random.IntN(50)))), Type: new("conversational")},
		Actor:     &mesh.Actor{UserID: new(fmt.Sprintf("user_%d", w.random.IntN(1000))), Role: new("support_engineer")},
		Action:    mesh.Operation{Type: p.Target.ActionType},
		Resource: &mesh.Resource{
			Type: new(p.Target.ResourceType), ID: new(fmt.Sprintf("record_%d", w.random.IntN(100_000))), Classification: new("confidential"),
		},
		Data: &mesh.Data{
			Categories: []string{"pii"},
			Purpose:    new(pick(w, "user_support", "service_improvement")),
			LegalBasis: new(pick(w, "consent", "contract")),
			Consent:    &mesh.Consent{Given: new(true)},
			Encryption: &mesh.Encryption{
				Algorithm: new(p.Algorithm), KeyAgeDays: new(w.random.Int64N(minKeyAgeDays + 1)), InTransit: new(true),
			},
			RetentionDays: new(w.random.Int64N(minRetentionDays + 1)),
			Region:        new(pick(w, "eu-west-1", "eu-central-1")),
		},
	}
	if w.often(60) {
		a.Actor.IPAddress, a.Actor.MFA = new("192.168.1.1"), new(true)
	}
	if w.often(40) {
		a.Session = &mesh.Session{ID: new(fmt.Sprintf("session_%d", w.random.IntN(10_000)))}
	}
	w.request(a)
	return a
}

// request makes two actions in three belong to a request of a data subject.
func (w *writer) request(a *mesh.Action) {
	right := pick(w, "", rightAccess, rightErasure, rightPortability, "rectification", "")
	if right == "" {
		return
	}
	a.Request = &mesh.RightsRequest{Right: &right, Status: new("open"), Format: new("JSON")}
	if right != rightPortability {
		a.Request.AgeHours = new(float64(w.random.Int64N(minAnswerHours + 1)))
	}
}

// breaches are ways to break a rule of the policy given: as often by saying
// nothing as by saying the wrong thing.
var breaches = []func(*writer, *mesh.Action, *Policy){
	func(w *writer, a *mesh.Action, _ *Policy) {
		if a.Data.Consent = nil; w.often(50) {
			a.Data.Consent = &mesh.Consent{Given: new(false)}
		}
	},
	func(w *writer, a *mesh.Action, p *Policy) {
		// The second is valid in one policy and in no other, the third
		// prohibited in one and valid in none.
		a.Data.Purpose = pick(w, nil, &p.Purposes[0], &p.Prohibited[0], new("third_party_sharing"))
	},
	func(w *writer, a *mesh.Action, _ *Policy) {
		a.Data.Encryption.Algorithm = pick(w, nil, new("DES"))
	},
	func(w *writer, a *mesh.Action, p *Policy) {
		a.Data.Encryption.KeyAgeDays = pick(w, nil, new(p.MaxKeyAgeDays+1))
	},
	func(w *writer, a *mesh.Action, p *Policy) {
		a.Data.RetentionDays = pick(w, nil, new(p.MaxRetentionDays+1))
	},
	func(w *writer, a *mesh.Action, p *Policy) {
		a.Data.LegalBasis = pick(w, nil, new("none"), &p.LegalBases[0])
	},
	func(w *writer, a *mesh.Action, p *Policy) {
		a.Data.Region = pick(w, nil, new("us-east-1"), &p.Regions[0])
	},
	func(w *writer, a *mesh.Action, p *Policy) {
		a.Request = &mesh.RightsRequest{Right: new(rightErasure), AgeHours: pick(w, nil, new(float64(p.MaxAnswerHours+1)))}
	},
	func(w *writer, a *mesh.Action, _ *Policy) {
		a.Request = &mesh.RightsRequest{Right: new(rightPortability), Format: pick(w, nil, new("PDF"))}
	},
	func(_ *writer, a *mesh.Action, _ *Policy) { a.Data.Encryption = &mesh.Encryption{InTransit: new(true)} },
}
