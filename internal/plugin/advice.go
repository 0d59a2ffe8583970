package plugin

import "grafana-tenancy.dev/operator/api/v1alpha1"

const (
	adviceWait    = "Wait: it goes on by itself. If it stays, the message says what stands in the way."
	adviceAbandon = " Or let go of it, so that what it made in Grafana stays: kubectl grafana abandon KIND/NAME."
)

// advice is what to do about a reason, in a sentence or two. docs/conditions.md has the rest.
var advice = map[string]string{
	v1alpha1.ReasonInSync:    "Nothing: Grafana holds what the object asks for.",
	v1alpha1.ReasonCreating:  adviceWait,
	v1alpha1.ReasonSuspended: "Set spec.suspend: false to go on.",
	v1alpha1.ReasonDrifted: "Take the edit over into the source, or set spec.driftPolicy: Correct to have it " +
		"overwritten.",

	v1alpha1.ReasonParentNotFound: "Apply the object that the message names, or make this one anew with another " +
		"reference.",
	v1alpha1.ReasonParentNotAvailable: adviceWait,
	v1alpha1.ReasonReferenceNotPermitted: "Check the reference, or ask the owner of the object that the message " +
		"names to let this namespace in, by its spec.allowedNamespaces; with a selector, check the labels of this " +
		"namespace.",
	v1alpha1.ReasonDashboardNotFound: "Apply the Dashboard that is to be the home dashboard, or correct the " +
		"preference that names it.",

	v1alpha1.ReasonGrafanaUnavailable: "Look at Grafana, its database, and what is between it and the operator. It " +
		"is tried again by itself.",
	v1alpha1.ReasonRateLimited: "Wait. If it happens often, set spec.limits.requestsPerSecond of the Instance.",
	v1alpha1.ReasonNotGrafana: "Correct spec.url of the Instance, with the path that Grafana is served under, and " +
		"look at what proxy or login gateway stands before it.",
	v1alpha1.ReasonTLSFailed: "Give the CA in spec.tls.caFrom of the Instance, correct spec.tls.serverName, or renew " +
		"the certificate.",
	v1alpha1.ReasonUnsupportedVersion: "Upgrade Grafana to 10.4 or newer.",
	v1alpha1.ReasonSecretNotFound: "Create the Secret or ConfigMap that the message names, or correct name or key. " +
		"It is tried again at once.",
	v1alpha1.ReasonInvalidCredentials: "Correct the login or token in the Secret that spec.credentials of the " +
		"Instance names. It is tried again at once.",

	v1alpha1.ReasonFailed: "See the message: most often the operator lacks a right in Kubernetes. It is tried again " +
		"by itself.",

	v1alpha1.ReasonForbidden: "Make the login of the Instance a Grafana server admin; or, if the message is about a " +
		"quota, raise it or ask for less.",
	v1alpha1.ReasonRefused:     "Correct the spec by Grafana's answer, which is in the message.",
	v1alpha1.ReasonInvalidSpec: "Correct the field of the spec that the message names.",
	v1alpha1.ReasonAlreadyExists: "Give the object another name or uid; or take over what is there: kubectl grafana " +
		"adopt KIND/NAME, with spec.adoption: Allow on what contains it.",
	v1alpha1.ReasonNameConflict: "Give one of the two objects another name or uid; this one goes on when the other " +
		"is gone.",
	v1alpha1.ReasonOwnershipLost: "See whether what is in Grafana is this object's: for an Organization the message " +
		"names the annotation that says so. If it is not, abandon and delete the object.",
	v1alpha1.ReasonDatabaseReset: "If spec.url leads to the wrong Grafana, correct it. If the database is gone for " +
		"good, set the annotation that the message names, and all is built again.",
	v1alpha1.ReasonRoleNotPermitted: "Ask for a lower role, or have maxServiceAccountRole or maxMemberRole of the " +
		"Organization raised.",
	v1alpha1.ReasonManagedExternally: "Have the person's role changed in the identity provider, or take them off " +
		"the list.",
	v1alpha1.ReasonAdoptionNotPermitted: "Have spec.adoption: Allow set on what contains it (the Instance of an " +
		"Organization or User, else the Organization), or choose another name or uid.",
	v1alpha1.ReasonCannotDelete:   "Update Grafana, or set spec.deletionPolicy: Orphan to keep the organization.",
	v1alpha1.ReasonQuotasDisabled: "Switch quotas on in Grafana ([quota] enabled), or remove spec.quotas.",

	v1alpha1.ReasonInvalidSource:  "Correct the dashboard's source where the message says.",
	v1alpha1.ReasonSourceNotFound: "Create the ConfigMap or key, or correct spec.source.configMapRef.",
	v1alpha1.ReasonFetching:       adviceWait,
	v1alpha1.ReasonSourceUnavailable: "See whether the url can be fetched with its headers and CA, and has the " +
		"sha256 that is asked for.",
	v1alpha1.ReasonFolderNotFound: "Create the folder in Grafana or as a Folder, or correct spec.folder.",
	v1alpha1.ReasonFolderAmbiguous: "Rename all but one of the folders of that title in Grafana, or name the folder " +
		"by spec.folder.uid.",
	v1alpha1.ReasonFolderRefused: "Name fewer titles in spec.folder.path, or update Grafana to 11 or newer.",
	v1alpha1.ReasonSubjectNotFound: "Add the person to the organization with a Membership, or apply the Team or " +
		"ServiceAccount that spec.permissions names.",
	v1alpha1.ReasonTooLarge: "Make the dashboard smaller, or raise the limit of the proxy before Grafana.",
	v1alpha1.ReasonSecretConflict: "Delete the Secret if nobody needs it, or give another name in spec.secret.name " +
		"(of a User: spec.password.secret.name).",
	v1alpha1.ReasonLifetimeRefused: "Set a spec.ttl within the limit that the message names, or change that setting " +
		"on the Grafana server.",
	v1alpha1.ReasonKeyRefused: "Look at what is between the operator and Grafana, such as a proxy that takes the " +
		"Authorization header away; delete the Secret to have another key made.",
	v1alpha1.ReasonServiceAccountDisabled: "Set spec.disabled: false on the ServiceAccount, or delete the token.",

	v1alpha1.ReasonWorking:    "Nothing: the data source works.",
	v1alpha1.ReasonNotWorking: "Look at the data source's url and credentials, and at the source itself.",
	v1alpha1.ReasonNotTried:   "Install the plugin of the data source, or see whether the source answers in time.",

	v1alpha1.ReasonDataSourcesFound:   "Nothing: the organization has all data sources that the dashboard names.",
	v1alpha1.ReasonDataSourcesMissing: "Create the data sources, or say in spec.datasources which ones stand for them.",
	v1alpha1.ReasonDataSourcesUnknown: "Wait: Grafana is asked again within minutes.",

	v1alpha1.ReasonRollingOut: adviceWait,
	v1alpha1.ReasonChildrenFailed: "Look at status.failures of the set, and at the objects that it has made: why " +
		"says what each of them lacks.",
	v1alpha1.ReasonChildConflict: "Delete or rename the object that the message names, or give the set another name.",
	v1alpha1.ReasonProgressDeadlineExceeded: "Look at status.failures of the set, and at the objects that it has " +
		"made; correct the template, or what they wait for. It goes on when one becomes Ready.",

	v1alpha1.ReasonDeleting: adviceWait,
	v1alpha1.ReasonDeletionBlocked: "Delete what the message names, or set spec.deletionPolicy to Orphan or, for an " +
		"Organization or Folder, DeleteWithContents." + adviceAbandon,
	v1alpha1.ReasonParentGone: "Apply what contained it again, so that it can be deleted in Grafana." + adviceAbandon,
}

// Advice is what to do about a reason, in a sentence or two; empty: there is no such reason.
func Advice(reason string) string { return advice[reason] }
