package pdp

import (
	"errors"
	"fmt"
	"maps"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
)

// The subject types with a place of their own in an action. A subject of any
// other type acts as a person does, and its type is kept as a property.
const (
	subjectAgent = "agent"
	subjectUser  = "user"
)

// action translates a question into an action of the product:
//
//	subject of type agent  → agent.id; of type user, or another → actor.userId
//	action.name            → action.type and action.name
//	resource               → resource.type and resource.id
//	properties             → fields of the same name, else .properties (.labels)
//	context                → data, tool, model, egress, content, session and
//	                         request to the fields of that name, else context
//
// The result has passed the same strict reader as an action of the native API,
// so both decide alike. Errors have [mesh.CodeInvalid] and name the place.
func (q *evaluationRequest) action() (*mesh.Action, error) {
	if err := q.complete(); err != nil {
		return nil, err
	}
	var a mesh.Action
	m := mapper{}
	m.subject(q.Subject, &a)
	m.operation(q.Action, &a)
	m.resource(q.Resource, &a)
	m.context(q.Context, &a)
	if m.err != nil {
		return nil, m.err
	}
	data, err := json.Marshal(&a)
	if err != nil {
		return nil, jsonError(err, "")
	}
	return decode.Action(data)
}

// complete checks what the standard requires of every question.
func (q *evaluationRequest) complete() error {
	for _, f := range []struct {
		path   string
		absent bool
	}{
		{"subject", q.Subject == nil},
		{"action", q.Action == nil},
		{"resource", q.Resource == nil},
		{"subject.type", q.Subject != nil && q.Subject.Type == ""},
		{"subject.id", q.Subject != nil && q.Subject.ID == ""},
		{"action.name", q.Action != nil && q.Action.Name == ""},
		{"resource.type", q.Resource != nil && q.Resource.Type == ""},
		{"resource.id", q.Resource != nil && q.Resource.ID == ""},
	} {
		if f.absent {
			return mesh.Errorf(mesh.CodeInvalid, "%s is missing", f.path).
				WithHint("an evaluation names a subject (type, id), an action (name) and a resource (type, id)").
				WithFindings(finding(f.path, "missing"))
		}
	}
	return nil
}

// mapper keeps the first error.
type mapper struct{ err error }

func (m *mapper) subject(e *entity, a *mesh.Action) {
	if e.Type == subjectAgent {
		a.Agent = &mesh.Agent{}
		a.Agent.Labels = m.fields("subject.properties", e.Properties, a.Agent, "type", "status", "scopes", "labels")
		id := mesh.AgentID(e.ID)
		a.Agent.ID = &id
		return
	}
	a.Actor = &mesh.Actor{}
	a.Actor.Properties = m.fields("subject.properties", e.Properties, a.Actor,
		"role", "ipAddress", "groups", "scopes", "mfa", "properties")
	a.Actor.UserID = &e.ID
	if e.Type != subjectUser {
		if a.Actor.Properties == nil {
			a.Actor.Properties = map[string]any{}
		}
		a.Actor.Properties["type"] = e.Type
	}
}

func (m *mapper) operation(e *entity, a *mesh.Action) {
	a.Action = mesh.Operation{Type: e.Name, Name: &e.Name}
	a.Action.Properties = m.fields("action.properties", e.Properties, &a.Action, "type", "name", "scope", "properties")
}

func (m *mapper) resource(e *entity, a *mesh.Action) {
	a.Resource = &mesh.Resource{}
	a.Resource.Properties = m.fields("resource.properties", e.Properties, a.Resource,
		"classification", "region", "tenantId", "environment", "digest", "signed", "properties")
	a.Resource.Type, a.Resource.ID = &e.Type, &e.ID
}

func (m *mapper) context(c map[string]jsontext.Value, a *mesh.Action) {
	rest := maps.Clone(c)
	for _, f := range []struct {
		name string
		into any
	}{
		{"data", &a.Data}, {"tool", &a.Tool}, {"model", &a.Model}, {"egress", &a.Egress},
		{"content", &a.Content}, {"session", &a.Session}, {"request", &a.Request},
	} {
		if raw, ok := rest[f.name]; ok {
			delete(rest, f.name)
			m.decode("context."+f.name, raw, f.into)
		}
	}
	a.Context = free(rest, nil)
}

// fields sets the named fields of target from the properties of their names,
// and returns the other properties beside the free-form map that target got
// that way.
func (m *mapper) fields(path string, properties map[string]jsontext.Value, target any, names ...string) map[string]any {
	if len(properties) == 0 {
		return nil
	}
	rest := maps.Clone(properties)
	for _, name := range names {
		raw, ok := rest[name]
		if !ok {
			continue
		}
		delete(rest, name)
		single, err := json.Marshal(map[string]jsontext.Value{name: raw})
		if err != nil {
			m.fail(err, path)
			return nil
		}
		m.decode(path, single, target)
	}
	return free(rest, freeForm(target))
}

// freeForm returns the free-form map of a part of an action.
func freeForm(target any) map[string]any {
	switch t := target.(type) {
	case *mesh.Agent:
		return t.Labels
	case *mesh.Actor:
		return t.Properties
	case *mesh.Operation:
		return t.Properties
	case *mesh.Resource:
		return t.Properties
	}
	return nil
}

// free adds what has no field to a free-form map. The raw values are kept, so
// that the strict reader sees numbers as they were sent.
func free(rest map[string]jsontext.Value, into map[string]any) map[string]any {
	if len(rest) == 0 {
		return into
	}
	if into == nil {
		into = make(map[string]any, len(rest))
	}
	for name, raw := range rest {
		into[name] = raw
	}
	return into
}

func (m *mapper) decode(path string, raw []byte, into any) {
	if err := json.Unmarshal(raw, into); err != nil {
		m.fail(err, path)
	}
}

func (m *mapper) fail(err error, path string) {
	if m.err == nil {
		m.err = jsonError(err, path)
	}
}

// jsonError says where JSON is wrong, in terms of the request.
func jsonError(err error, path string) error {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		where := fmt.Sprintf("%s, byte %d", place(path, syntactic.JSONPointer), syntactic.ByteOffset)
		return mesh.Errorf(mesh.CodeInvalid, "that is not JSON: %s: %w", where, syntactic.Err).
			WithFindings(finding(where, syntactic.Err.Error()))
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		where := place(path, semantic.JSONPointer)
		return mesh.Errorf(mesh.CodeInvalid, "%s: a JSON %s does not belong there", where, semantic.JSONKind).
			WithFindings(finding(where, "wrong type"))
	}
	return mesh.Errorf(mesh.CodeInvalid, "reading the request: %w", err)
}

// place joins the path of a part of the request and a JSON pointer within it.
func place(path string, p jsontext.Pointer) string {
	for token := range p.Tokens() {
		if path != "" {
			path += "."
		}
		path += token
	}
	if path == "" {
		return "body"
	}
	return path
}

func finding(where, message string) []mesh.Finding {
	return []mesh.Finding{{Position: mesh.Position{File: where}, Level: mesh.LevelError, Rule: string(mesh.CodeInvalid), Message: message}}
}
