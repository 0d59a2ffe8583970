package grafana

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Public is err.Error() for people who are not to learn where Grafana is: it names method, path and status of what
// was asked and answered, and Grafana's own words, but no address.
func Public(err error) string {
	text := err.Error()
	for _, part := range told(err) {
		text = strings.ReplaceAll(text, part.Error(), part.public())
	}
	return text
}

// tellable is an error whose text can hold an address.
type tellable interface {
	error
	public() string
}

// told finds the errors of this package of which err is made.
func told(err error) (parts []tellable) {
	if own, ok := err.(tellable); ok { //nolint:errorlint // this walks the tree of errors itself
		return []tellable{own}
	}
	switch err := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner != nil {
			return told(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			parts = append(parts, told(inner)...)
		}
	}
	return parts
}

func (e *Error) public() string {
	if e.shape != ownShape {
		return e.tell("")
	}
	return e.tell(withoutAddresses(e.Message))
}

func (e *noAnswer) public() string {
	why := "the connection broke"
	switch {
	case errors.Is(e.err, context.DeadlineExceeded):
		why = "it took too long"
	case IsTLS(e.err):
		why = "no trusted connection"
	case isDial(e.err):
		why = "no connection"
	}
	return fmt.Sprintf("no answer from Grafana to %s %s: %s", e.method, e.path, why)
}

func (e *LoginError) public() string {
	return "the operator cannot log in to Grafana: " + Public(e.Err)
}

// addresses are what a server may say of itself and of what is behind it: URLs, IP addresses, names with a port.
var addresses = regexp.MustCompile(
	`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"']+|\[[0-9a-fA-F:.%]+\](:\d+)?|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b|\b[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*:\d{2,5}\b|\blookup \S+`,
)

func withoutAddresses(text string) string { return addresses.ReplaceAllString(text, "…") }
