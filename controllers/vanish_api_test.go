package controllers_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A policy engine takes its time over a deletion, and what is deleted gets its finalizer meanwhile, and is made:
// kube-apiserver deletes it all the same. Nothing of it stays in Grafana.
func TestAPIDeletionThatBeganBeforeTheFinalizer(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	org := w.Organization("team")
	dash, account := w.Dashboard("overview", "team", overview), w.Account("robot", "team")
	folder, source := declareFolder(w, "sales", "team"), dataSource(w, "metrics", "team")
	all := []lifecycle.Object{org, dash, account, folder, source}
	suite.Waiting(w, org, v1alpha1.ReasonParentNotFound)
	for _, obj := range all[1:] {
		suite.Waiting(w, obj, v1alpha1.ReasonParentNotAvailable)
	}
	policy := holdDeletions(w, dash)
	var deletions sync.WaitGroup
	for _, obj := range all {
		deletions.Go(func() {
			if err := w.Client.Delete(t.Context(), obj.DeepCopyObject().(client.Object)); err != nil {
				t.Errorf("deleting %T: %v", obj, err)
			}
		})
		<-policy.asked
	}
	w.Instance()
	for _, obj := range all {
		suite.Ready(w, obj)
	}
	policy.decide()
	deletions.Wait()
	for _, obj := range all {
		w.Gone(obj)
		w.Eventually("a word on the deletion of "+obj.GetName(), func() error {
			if !w.Events()["Normal Deleted "+obj.GetName()] {
				return fmt.Errorf("events: %v", w.Events())
			}
			return nil
		})
	}
	if len(w.Grafana.Orgs()) != 1 {
		t.Errorf("organizations are left: %+v", w.Grafana.Orgs())
	}
}

// policy is a webhook that is asked whether objects may be deleted.
type policy struct {
	asked  chan struct{} // for each deletion that waits
	decide func()        // all may be, from now on
}

// holdDeletions has all deletions of our kinds in the world's namespace wait for a decision. With one of the objects it
// is seen that the API server asks.
func holdDeletions(w *suite.World, one client.Object) policy {
	w.T.Helper()
	decided, tried := make(chan struct{}), make(chan struct{}, 100)
	p := policy{asked: make(chan struct{}, 100), decide: sync.OnceFunc(func() { close(decided) })}
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		if *review.Request.DryRun {
			tried <- struct{}{}
		} else {
			p.asked <- struct{}{}
			<-decided
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		_ = json.NewEncoder(rw).Encode(review)
	}))
	w.T.Cleanup(server.Close)
	w.T.Cleanup(p.decide)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	none := admissionregistrationv1.SideEffectClassNone
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: w.NS},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "deletions.policy.example",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: cert},
			SideEffects:             &none,
			AdmissionReviewVersions: []string{"v1"},
			TimeoutSeconds:          new(int32(30)),
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{
				"kubernetes.io/metadata.name": w.NS,
			}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Delete},
				Rule: admissionregistrationv1.Rule{
					APIGroups:   []string{v1alpha1.GroupVersion.Group},
					APIVersions: []string{"*"},
					Resources:   []string{"*"},
				},
			}},
		}},
	}
	if err := w.Client.Create(w.T.Context(), hook); err != nil {
		w.T.Fatalf("registering the webhook: %v", err)
	}
	w.T.Cleanup(func() { _ = w.Client.Delete(context.Background(), hook) })
	w.Eventually("a deletion that the webhook is asked about", func() error {
		if err := w.Client.Delete(w.T.Context(), one, client.DryRunAll); err != nil {
			return err
		}
		select {
		case <-tried:
			return nil
		default:
			return errors.New("it was not asked")
		}
	})
	return p
}
