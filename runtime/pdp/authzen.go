package pdp

import (
	"net/http"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
)

// The paths of the AuthZEN API (Authorization API 1.0, sections 6, 7 and 9).
const (
	evaluationPath    = "/access/v1/evaluation"
	evaluationsPath   = "/access/v1/evaluations"
	configurationPath = "/.well-known/authzen-configuration"
)

// The semantics of an evaluations request (section 7.1.2.1).
const (
	executeAll          = "execute_all"
	denyOnFirstDeny     = "deny_on_first_deny"
	permitOnFirstPermit = "permit_on_first_permit"
)

// evaluationRequest is one question: may subject do action to resource?
// Unknown members are ignored.
type evaluationRequest struct {
	Subject  *entity                   `json:"subject"`
	Action   *entity                   `json:"action"`
	Resource *entity                   `json:"resource"`
	Context  map[string]jsontext.Value `json:"context"`
}

// entity is a subject, a resource (type and id) or an action (name).
type entity struct {
	Type       string                    `json:"type"`
	ID         string                    `json:"id"`
	Name       string                    `json:"name"`
	Properties map[string]jsontext.Value `json:"properties"`
}

// evaluationsRequest is many questions; what is left out of one is taken from
// the request itself.
type evaluationsRequest struct {
	evaluationRequest
	Evaluations []evaluationRequest `json:"evaluations"`
	Options     struct {
		Semantic string `json:"evaluations_semantic"`
	} `json:"options"`
}

// evaluationResponse answers one question.
type evaluationResponse struct {
	Decision bool `json:"decision"`
	Context  any  `json:"context,omitzero"`
}

// decisionContext is what an enforcement point learns besides the answer.
type decisionContext struct {
	EventID         string            `json:"eventId"`
	Mode            mesh.Mode         `json:"mode"`
	WouldAllow      bool              `json:"wouldAllow"`
	Evaluated       bool              `json:"evaluated"`
	Violations      []mesh.Violation  `json:"violations"`
	Recommendations []string          `json:"recommendations"`
	Obligations     []mesh.Obligation `json:"obligations"`
	Errors          []mesh.RuleError  `json:"errors,omitzero"`
	Bundles         []mesh.Digest     `json:"bundles"`
	Unrecorded      bool              `json:"unrecorded,omitzero"`
}

// errorContext says why a question of many could not be answered.
type errorContext struct {
	Error struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
	} `json:"error"`
}

// evaluation answers one question.
func (s *server) evaluation(w http.ResponseWriter, r *http.Request, m *memory) error {
	var req evaluationRequest
	if err := readAuthZEN(m.body, &req); err != nil {
		return err
	}
	return s.answerOne(w, r, &req)
}

func (s *server) answerOne(w http.ResponseWriter, r *http.Request, req *evaluationRequest) error {
	action, err := req.action()
	if err != nil {
		return err
	}
	answers, err := s.ask(r, []*mesh.Action{action})
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, r, http.StatusOK, answers[0])
}

// evaluations answers many. Without any it answers the request itself
// (section 7.1).
func (s *server) evaluations(w http.ResponseWriter, r *http.Request, m *memory) error {
	var req evaluationsRequest
	if err := readAuthZEN(m.body, &req); err != nil {
		return err
	}
	if len(req.Evaluations) == 0 {
		return s.answerOne(w, r, &req.evaluationRequest)
	}
	if len(req.Evaluations) > MaxBatch {
		return mesh.Errorf(mesh.CodeTooLarge, "%d evaluations are more than the %d of one request", len(req.Evaluations), MaxBatch).
			WithHint("send them in several requests")
	}
	for i := range req.Evaluations {
		req.Evaluations[i].inherit(&req.evaluationRequest)
	}
	var answers []evaluationResponse
	var err error
	switch req.Options.Semantic {
	case "", executeAll:
		answers, err = s.askAll(r, req.Evaluations)
	case denyOnFirstDeny:
		answers, err = s.askUntil(r, req.Evaluations, false)
	case permitOnFirstPermit:
		answers, err = s.askUntil(r, req.Evaluations, true)
	default:
		err = mesh.Errorf(mesh.CodeInvalid, "options.evaluations_semantic %q is not known", req.Options.Semantic).
			WithHint("use " + executeAll + ", " + denyOnFirstDeny + " or " + permitOnFirstPermit)
	}
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, r, http.StatusOK, struct {
		Evaluations []evaluationResponse `json:"evaluations"`
	}{answers})
}

// askAll decides every question that can be understood, as one request. One
// that cannot is denied and says why.
func (s *server) askAll(r *http.Request, questions []evaluationRequest) ([]evaluationResponse, error) {
	answers, actions, places := understood(questions)
	if len(actions) == 0 {
		return answers, nil
	}
	decided, err := s.ask(r, actions)
	if err != nil {
		return nil, err
	}
	for n, i := range places {
		answers[i] = decided[n]
	}
	return answers, nil
}

// understood translates the questions: places says which of them the actions
// are. Those that cannot be understood are answered.
func understood(questions []evaluationRequest) (answers []evaluationResponse, actions []*mesh.Action, places []int) {
	answers = make([]evaluationResponse, len(questions))
	for i := range questions {
		action, err := questions[i].action()
		if err != nil {
			answers[i] = unanswered(err)
			continue
		}
		actions, places = append(actions, action), append(places, i)
	}
	return answers, actions, places
}

// askUntil decides the questions up to and including the first whose answer is
// last. What comes after is neither decided nor recorded. It is one request on
// one set and one record in the journal, too.
func (s *server) askUntil(r *http.Request, questions []evaluationRequest, last bool) ([]evaluationResponse, error) {
	answers, actions, places := understood(questions)
	if !last {
		// What cannot be understood is denied, and so the end.
		n := 0
		for n < len(places) && places[n] == n {
			n++
		}
		actions, places, answers = actions[:n], places[:n], answers[:min(n+1, len(answers))]
	}
	// Once, unless recording failed and a permission became a denial by that.
	for len(actions) > 0 {
		decided, err := s.opts.Decider.DecideUntil(r.Context(), actions, last, enforce.Caller{RequestID: httpx.RequestID(r.Context())})
		if err != nil {
			return nil, err
		}
		for n, answer := range inAuthZEN(decided) {
			i := places[n]
			if answers[i] = answer; answer.Decision == last {
				return answers[:i+1], nil
			}
		}
		actions, places = actions[len(decided):], places[len(decided):]
	}
	return answers, nil
}

// ask decides actions and puts the decisions into AuthZEN's terms.
func (s *server) ask(r *http.Request, actions []*mesh.Action) ([]evaluationResponse, error) {
	decided, err := s.opts.Decider.Decide(r.Context(), actions, enforce.Caller{RequestID: httpx.RequestID(r.Context())})
	if err != nil {
		return nil, err
	}
	return inAuthZEN(decided), nil
}

func inAuthZEN(decided []mesh.Decision) []evaluationResponse {
	answers := make([]evaluationResponse, len(decided))
	for i := range decided {
		d := &decided[i]
		answers[i] = evaluationResponse{Decision: d.Allowed, Context: decisionContext{
			EventID: d.AuditLog.EventID, Mode: d.Mode, WouldAllow: d.WouldAllow, Evaluated: d.Evaluated,
			Violations: d.Violations, Recommendations: d.Recommendations, Obligations: d.Obligations,
			Errors: d.Errors, Bundles: d.Bundles, Unrecorded: d.Unrecorded,
		}}
	}
	return answers
}

func unanswered(err error) evaluationResponse {
	var c errorContext
	c.Error.Status, c.Error.Message = mesh.CodeOf(err).HTTPStatus(), err.Error()
	return evaluationResponse{Context: c}
}

// inherit takes what a question leaves out from the request (section 7.1.1).
func (q *evaluationRequest) inherit(from *evaluationRequest) {
	if q.Subject == nil {
		q.Subject = from.Subject
	}
	if q.Action == nil {
		q.Action = from.Action
	}
	if q.Resource == nil {
		q.Resource = from.Resource
	}
	if q.Context == nil {
		q.Context = from.Context
	}
}

// readAuthZEN reads a body leniently: unknown members are ignored. Names are
// matched exactly and must not repeat, so that two readers of one request
// cannot understand different things.
func readAuthZEN(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return jsonError(err, "")
	}
	return nil
}

// configuration describes the decision point (section 9).
func (s *server) configuration(w http.ResponseWriter, r *http.Request) error {
	base := "http://" + r.Host
	return httpx.WriteJSON(w, r, http.StatusOK, struct {
		PDP         string `json:"policy_decision_point"`
		Evaluation  string `json:"access_evaluation_endpoint"`
		Evaluations string `json:"access_evaluations_endpoint"`
	}{base, base + evaluationPath, base + evaluationsPath})
}
