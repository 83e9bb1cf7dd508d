package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Code classifies an error for programs. The list is append-only: a code never
// changes its meaning, and new ones are added at the end.
type Code string

// The codes.
const (
	CodeInternal         Code = "internal"          // a fault of ours; the message is not shown
	CodeInvalid          Code = "invalid"           // the input is wrong and must be changed
	CodeUnauthenticated  Code = "unauthenticated"   // no or unknown credentials
	CodeForbidden        Code = "forbidden"         // known, but not allowed
	CodeNotFound         Code = "not_found"         // not there, or not visible to the caller
	CodeConflict         Code = "conflict"          // contradicts what is stored, such as a tag that would move
	CodePrecondition     Code = "precondition"      // an If-Match or If-None-Match did not hold
	CodeTooLarge         Code = "too_large"         // over a limit that the message names
	CodeRateLimited      Code = "rate_limited"      // try again later
	CodeUnavailable      Code = "unavailable"       // a part that is needed does not answer; try again later
	CodeUnsupported      Code = "unsupported"       // not something this program does
	CodePolicyInvalid    Code = "policy_invalid"    // a policy or bundle does not compile
	CodeCasesFailed      Code = "cases_failed"      // a policy's own cases fail
	CodeSignatureRefused Code = "signature_refused" // no signature that the trust policy accepts
	CodePolicyViolated   Code = "policy_violated"   // an action was denied
	CodeDowngrade        Code = "downgrade"         // below the highest version that was ever in force
	CodeSequence         Code = "sequence"          // a batch that leaves a gap behind what is acknowledged
	CodeCanceled         Code = "canceled"          // the caller went away
)

// statuses is the one table between codes and HTTP, read forwards by servers
// and backwards by clients. Where several codes share a status, the first in
// statusOrder is what a client makes of a bare status.
var statuses = map[Code]int{
	CodeInternal:         http.StatusInternalServerError,
	CodeInvalid:          http.StatusBadRequest,
	CodeUnauthenticated:  http.StatusUnauthorized,
	CodeForbidden:        http.StatusForbidden,
	CodeNotFound:         http.StatusNotFound,
	CodeConflict:         http.StatusConflict,
	CodePrecondition:     http.StatusPreconditionFailed,
	CodeTooLarge:         http.StatusRequestEntityTooLarge,
	CodeRateLimited:      http.StatusTooManyRequests,
	CodeUnavailable:      http.StatusServiceUnavailable,
	CodeUnsupported:      http.StatusNotImplemented,
	CodePolicyInvalid:    http.StatusUnprocessableEntity,
	CodeCasesFailed:      http.StatusUnprocessableEntity,
	CodeSignatureRefused: http.StatusForbidden,
	CodePolicyViolated:   http.StatusForbidden,
	CodeDowngrade:        http.StatusConflict,
	CodeSequence:         http.StatusConflict,
	CodeCanceled:         499, // no standard status: the client closed the connection
}

var statusOrder = []Code{
	CodeInternal, CodeInvalid, CodeUnauthenticated, CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition,
	CodeTooLarge, CodeRateLimited, CodeUnavailable, CodeUnsupported, CodePolicyInvalid, CodeCanceled,
}

// HTTPStatus returns the status a server answers with; 500 for an unknown
// code.
func (c Code) HTTPStatus() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// CodeOfHTTPStatus returns what a client makes of a status whose body named no
// code: [CodeUnavailable] for gateway failures, [CodeInvalid] for other 4xx,
// [CodeInternal] for everything else it does not know.
func CodeOfHTTPStatus(status int) Code {
	for _, c := range statusOrder {
		if statuses[c] == status {
			return c
		}
	}
	switch {
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return CodeUnavailable
	case status >= 400 && status < 500:
		return CodeInvalid
	}
	return CodeInternal
}

// Error is an error a person or a program can act on. Message says what is
// wrong, Hint what to do about it; both are shown. Err is the cause and is
// shown behind the message unless Code is [CodeInternal].
type Error struct {
	Code     Code
	Message  string
	Hint     string
	Findings []Finding // where in the input, if it is a document
	Err      error
}

// Errorf makes an [Error] whose message is formatted as [fmt.Errorf] formats
// it; a %w verb sets the cause that [errors.Is] follows.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns a copy of e that says what to do.
func (e *Error) WithHint(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// WithFindings returns a copy of e that says where.
func (e *Error) WithFindings(findings []Finding) *Error {
	c := *e
	c.Findings = findings
	return &c
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an [Error] with the same code and no message,
// so that errors.Is(err, &Error{Code: c}) asks for a code, also after a trip
// over HTTP.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

// CodeOf returns the code of the first [Error] in err's chain. Without one it
// is [CodeCanceled] where a context was canceled, because nothing failed then,
// [CodeInternal] for every other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	}
	return CodeInternal
}

// HintOf returns the first hint in err's chain.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
