package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// handlerError carries a handler's error through huma to [errorEdge].
type handlerError struct{ err error }

func (e *handlerError) Error() string  { return e.err.Error() }
func (e *handlerError) Unwrap() error  { return e.err }
func (e *handlerError) GetStatus() int { return mesh.CodeOf(e.err).HTTPStatus() }

// humaContext names the embedded interface so that it does not hide its own
// method Context.
type humaContext huma.Context

// edgeContext is huma's context of one request. Once an error was answered it
// swallows what huma writes of it in its own form.
type edgeContext struct {
	humaContext
	answered bool
}

// Unwrap returns huma's own context.
func (c *edgeContext) Unwrap() huma.Context { return c.humaContext }

// SetStatus implements [huma.Context].
func (c *edgeContext) SetStatus(code int) {
	if !c.answered {
		c.humaContext.SetStatus(code)
	}
}

// BodyWriter implements [huma.Context].
func (c *edgeContext) BodyWriter() io.Writer {
	if c.answered {
		return io.Discard
	}
	return c.humaContext.BodyWriter()
}

// intercept puts the edgeContext around every request.
func intercept(ctx huma.Context, next func(huma.Context)) { next(&edgeContext{humaContext: ctx}) }

// errorEdge is called with every body huma is about to write. Errors, of
// handlers and of huma alike, it hands to internal/httpx instead. Doing it
// here and not by replacing huma.NewError keeps the change to this API: that
// variable is global.
func errorEdge(ctx huma.Context, _ string, v any) (any, error) {
	failure, ok := v.(huma.StatusError)
	if !ok {
		return v, nil
	}
	edge, ok := ctx.(*edgeContext)
	if !ok {
		return nil, errors.New("the request did not come through the error edge")
	}
	g := humagin.Unwrap(ctx)
	refuse(g.Writer, g.Request, translate(failure))
	edge.answered = true
	return nil, nil
}

// refuse answers with an error. Who lacks credentials learns which (RFC 9110
// section 11.6.1).
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if mesh.CodeOf(err) == mesh.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="aimesh"`)
	}
	httpx.WriteProblem(w, r, err)
}

// translate returns a handler's own error, or makes one of what huma found
// wrong with a request.
func translate(failure huma.StatusError) error {
	var own *handlerError
	if errors.As(failure, &own) {
		return own.err
	}
	status := failure.GetStatus()
	var model *huma.ErrorModel
	if !errors.As(failure, &model) {
		return mesh.Errorf(mesh.CodeOfHTTPStatus(status), "%s", failure.Error())
	}
	e := mesh.Errorf(mesh.CodeOfHTTPStatus(status), "%s", model.Detail)
	if status == http.StatusUnprocessableEntity {
		e = mesh.Errorf(mesh.CodeInvalid, "the request is not as the API document describes it").
			WithHint("see /openapi.json")
	}
	var findings []mesh.Finding
	for _, d := range model.Errors {
		findings = append(findings, mesh.Finding{
			Position: mesh.Position{File: d.Location}, Level: mesh.LevelError, Rule: string(e.Code), Message: d.Message,
		})
	}
	return e.WithFindings(findings)
}

// authenticate puts the caller into the request's context.
func authenticate(a *auth.Authenticator, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := a.Request(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
	})
}

// operation describes a route without a body.
func operation(method, path, id, tag, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: hubapi.BasePath + path, OperationID: id, Tags: []string{tag}, Summary: summary}
}

// get registers a GET route.
func get[I, O any](r *routes, path, id, tag, summary string, h func(context.Context, *I) (*O, error)) {
	handle(r, operation(http.MethodGet, path, id, tag, summary), nil, h)
}

// send registers a route whose request has a JSON body of type B, which the
// handler decodes with [decode].
func send[B, I, O any](r *routes, method, path, id, tag, summary string, status int, h func(context.Context, *I) (*O, error)) {
	op := operation(method, path, id, tag, summary)
	op.DefaultStatus = status
	handle(r, op, schemaOf[B](r.api), h)
}

// handle registers a route. body is the schema of its JSON body, nil if it has
// none.
func handle[I, O any](r *routes, op huma.Operation, body *huma.Schema, h func(context.Context, *I) (*O, error)) {
	op.Responses = map[string]*huma.Response{"default": {
		Description: "An error",
		Content:     map[string]*huma.MediaType{hubapi.ProblemMediaType: {Schema: schemaOf[hubapi.Problem](r.api)}},
	}}
	content := map[string]*huma.MediaType{}
	if body != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: content}
		op.MaxBodyBytes = hubapi.MaxBatchBytes + 1 // refused by [decode] with our own limits
	}
	huma.Register(r.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, &handlerError{err}
		}
		return out, nil
	})
	if body != nil {
		// The body is read raw and decoded by internal/httpx, as everywhere in
		// the product; huma only describes it.
		clear(content)
		content["application/json"] = &huma.MediaType{Schema: body}
	}
}

func schemaOf[T any](api huma.API) *huma.Schema {
	return api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// JSONBody is the body of a request, to be decoded by [decode].
type JSONBody struct {
	RawBody []byte
}

// decode reads a request's JSON body. Unknown fields are refused.
func decode[T any](b JSONBody) (T, error) {
	var v T
	if len(b.RawBody) > httpx.DefaultBodyLimit {
		return v, mesh.Errorf(mesh.CodeTooLarge, "the body of the request is larger than %d bytes", httpx.DefaultBodyLimit)
	}
	err := httpx.DecodeJSON(b.RawBody, &v)
	return v, err
}
