package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/ai-agent-mesh/mesh"
)

// wrap puts what was being done before err and gives it the code it has
// everywhere in the product. It is the only place that looks at oras-go's
// errors.
func (c *Client) wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	doing := fmt.Sprintf(format, args...)
	var own *mesh.Error
	var response *errcode.ErrorResponse
	switch {
	case errors.As(err, &own), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &response):
		return c.wrapResponse(response, doing)
	case errors.Is(err, errdef.ErrNotFound):
		return mesh.Errorf(mesh.CodeNotFound, "%s: %s has no such content", doing, c.host)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return c.unauthenticated(doing)
	case errors.Is(err, errdef.ErrSizeExceedsLimit), errors.Is(err, errdef.ErrTooManyPages):
		return mesh.Errorf(mesh.CodeTooLarge, "%s: %w", doing, err)
	}
	return mesh.Errorf(mesh.CodeUnavailable, "%s: %w", doing, err).
		WithHint(fmt.Sprintf("check that %s is the right address and that the registry runs", c.host))
}

// wrapResponse maps the status a registry answered with; what it says about it
// is passed on.
func (c *Client) wrapResponse(response *errcode.ErrorResponse, doing string) error {
	said := http.StatusText(response.StatusCode)
	if len(response.Errors) > 0 {
		said = response.Errors.Error()
	}
	code := mesh.CodeOfHTTPStatus(response.StatusCode)
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return c.unauthenticated(doing)
	case response.StatusCode >= http.StatusInternalServerError:
		code = mesh.CodeUnavailable
	}
	err := mesh.Errorf(code, "%s: %s answers: %s", doing, c.host, said)
	switch code {
	case mesh.CodeForbidden:
		return err.WithHint("ask whoever runs the registry for the right to do this, or log in as somebody else")
	case mesh.CodeUnavailable, mesh.CodeRateLimited:
		return err.WithHint("try again later")
	}
	return err
}

func (c *Client) unauthenticated(doing string) error {
	return mesh.Errorf(mesh.CodeUnauthenticated, "%s: %s wants other credentials", doing, c.host).
		WithHint("log in with mesh login, or set MESH_TOKEN")
}

// broken reports whether a transfer that failed may succeed when begun anew:
// the connection broke while bytes arrived.
func broken(err error) bool {
	var netErr net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &netErr) && netErr.Timeout()
}
