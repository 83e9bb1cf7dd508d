package command

import (
	"errors"

	"github.com/ai-agent-mesh/mesh"
)

// The exit codes of every command. They are a contract: scripts rely on them.
const (
	ExitOK               = 0   // it was done
	ExitError            = 1   // any error without a code of its own
	ExitUsage            = 2   // flags or arguments are wrong
	ExitPolicyInvalid    = 3   // a policy or bundle does not compile
	ExitCasesFailed      = 4   // a policy's cases fail, or cover too little
	ExitSignatureRefused = 5   // no signature that the trust policy accepts
	ExitPolicyViolated   = 6   // an action was denied
	ExitNotAuthorized    = 7   // no credentials, or not sufficient ones
	ExitInterrupted      = 130 // stopped by Ctrl-C or SIGTERM before it was done (128 + SIGINT, as shells count)
)

// ExitCode returns the exit code that an error stands for; [ExitOK] for nil.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if usage := (*UsageError)(nil); errors.As(err, &usage) {
		return ExitUsage
	}
	switch mesh.CodeOf(err) {
	case mesh.CodePolicyInvalid:
		return ExitPolicyInvalid
	case mesh.CodeCasesFailed:
		return ExitCasesFailed
	case mesh.CodeSignatureRefused:
		return ExitSignatureRefused
	case mesh.CodePolicyViolated:
		return ExitPolicyViolated
	case mesh.CodeUnauthenticated, mesh.CodeForbidden:
		return ExitNotAuthorized
	case mesh.CodeCanceled:
		return ExitInterrupted
	}
	return ExitError
}

// ExitCodesHelp is the text of the help topic about exit codes.
const ExitCodesHelp = `Every command ends with one of these exit codes:

    0    it was done
    1    any error without a code of its own
    2    flags or arguments are wrong
    3    a policy or bundle does not compile
    4    a policy's cases fail, or cover too little
    5    no signature that the trust policy accepts
    6    the policy was violated: an action was denied
    7    not authorized: no credentials, or not sufficient ones
    130  interrupted before it was done
`
