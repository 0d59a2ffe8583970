package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// unlogged is a context without a logger: at high verbosity client-go logs the bodies of requests and answers, and a
// Secret's must not be among them.
func unlogged(ctx context.Context) context.Context { return logr.NewContext(ctx, logr.Discard()) }

// redacted is an error of Kubernetes about a Secret, without its words: an admission policy or webhook can quote in
// them what the Secret holds.
type redacted struct {
	text string
	err  error
}

func (u *redacted) Error() string { return u.text }

func (u *redacted) Unwrap() error { return u.err }

// redact keeps an error's meaning and drops its text.
func redact(verb, secret string, err error) error {
	if err == nil {
		return nil
	}
	text := fmt.Sprintf("no answer from Kubernetes to the request to %s Secret %s", verb, secret)
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		text = fmt.Sprintf(
			"Kubernetes refused to %s Secret %s: %d %s (its words are withheld, since an admission policy can "+
				"quote the key in them)",
			verb,
			secret,
			status.Status().Code,
			status.Status().Reason,
		)
	}
	return &redacted{text: text, err: err}
}
