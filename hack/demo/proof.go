package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	grafanav1 "grafana-tenancy.dev/operator/api/v1alpha1"
)

// prove calls Grafana with the key of every token, as its users would, and
// checks that each reaches its own organization and reads its dashboards.
func prove(ctx context.Context, cluster *cluster, grafana *grafana) error {
	var tokens grafanav1.ServiceAccountTokenList
	if err := cluster.client.List(ctx, &tokens); err != nil {
		return err
	}
	if len(tokens.Items) == 0 {
		return errors.New("there is no ServiceAccountToken, so nothing is proven")
	}
	for _, token := range tokens.Items {
		if err := proveToken(ctx, cluster, grafana, &token); err != nil {
			return fmt.Errorf("ServiceAccountToken %s: %w", client.ObjectKeyFromObject(&token), err)
		}
	}
	return nil
}

func proveToken(ctx context.Context, cluster *cluster, grafana *grafana, token *grafanav1.ServiceAccountToken) error {
	organization, err := organizationOf(ctx, cluster, token)
	if err != nil {
		return err
	}
	var secret corev1.Secret
	if err := cluster.client.Get(
		ctx,
		client.ObjectKey{Namespace: token.Namespace, Name: token.SecretName()},
		&secret,
	); err != nil {
		return err
	}
	key := string(secret.Data[token.Spec.Secret.Key])
	if key == "" {
		return fmt.Errorf("its Secret %s has no key %q", token.SecretName(), token.Spec.Secret.Key)
	}
	var answer struct {
		ID   int64
		Name string
	}
	if err := get(ctx, grafana.url+"/api/org?forceLogin=true", key, &answer); err != nil {
		return err
	}
	if answer.ID != organization.Status.OrgID || answer.Name != organization.WantedName() {
		return fmt.Errorf("its key is one of organization %q (id %d), not of %q (id %d)",
			answer.Name, answer.ID, organization.WantedName(), organization.Status.OrgID)
	}
	titles, err := readDashboards(ctx, cluster, grafana, organization, key)
	if err != nil {
		return err
	}
	say("the key in Secret %s/%s works in organization %q (id %d) and reads %s",
		token.Namespace, token.SecretName(), answer.Name, answer.ID, strings.Join(titles, ", "))
	return nil
}

// organizationOf follows the references of a token.
func organizationOf(
	ctx context.Context,
	cluster *cluster,
	token *grafanav1.ServiceAccountToken,
) (*grafanav1.Organization, error) {
	var account grafanav1.ServiceAccount
	if err := cluster.client.Get(
		ctx,
		client.ObjectKey{Namespace: token.Namespace, Name: token.Spec.ServiceAccountRef.Name},
		&account,
	); err != nil {
		return nil, err
	}
	var organization grafanav1.Organization
	err := cluster.client.Get(ctx, keyOf(account.Spec.OrganizationRef, account.Namespace), &organization)
	return &organization, err
}

// readDashboards reads every Dashboard of the organization from Grafana with
// the key, and returns their titles.
func readDashboards(
	ctx context.Context,
	cluster *cluster,
	grafana *grafana,
	organization *grafanav1.Organization,
	key string,
) ([]string, error) {
	var dashboards grafanav1.DashboardList
	if err := cluster.client.List(ctx, &dashboards); err != nil {
		return nil, err
	}
	var titles []string
	for _, dashboard := range dashboards.Items {
		if keyOf(dashboard.Spec.OrganizationRef, dashboard.Namespace) != client.ObjectKeyFromObject(organization) {
			continue
		}
		var answer struct{ Dashboard struct{ Title string } }
		if err := get(
			ctx,
			grafana.url+"/api/dashboards/uid/"+dashboard.Status.UID+"?forceLogin=true",
			key,
			&answer,
		); err != nil {
			return nil, err
		}
		titles = append(titles, fmt.Sprintf("%q", answer.Dashboard.Title))
	}
	return titles, nil
}

func keyOf(reference grafanav1.ObjectReference, namespace string) client.ObjectKey {
	if reference.Namespace != "" {
		namespace = reference.Namespace
	}
	return client.ObjectKey{Namespace: namespace, Name: reference.Name}
}

// get reads JSON from a url, with a bearer token and into answer if there are
// such. Anything but 200 is an error.
func get(ctx context.Context, url, bearer string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answered %s", url, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
