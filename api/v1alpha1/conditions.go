package v1alpha1

// Types of conditions.
const (
	// ConditionReady is True once Grafana was seen to hold what this generation of the object asks for.
	ConditionReady = "Ready"
	// ConditionAvailable, on kinds that others refer to, is True while the object exists in Grafana, is proven to be ours, and can be acted in.
	ConditionAvailable = "Available"
	// ConditionReconciling is True while the operator works on the object or waits for something to go on.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when somebody has to change something before it goes on. It is tried again at every resync.
	ConditionStalled = "Stalled"
	// ConditionDrifted, on Dashboards, is True while an edit made in Grafana is left to stand by driftPolicy Report.
	ConditionDrifted = "Drifted"
	// ConditionHealthy, on DataSources with spec.health, is what Grafana finds when it tries the source.
	ConditionHealthy = "Healthy"
	// ConditionDataSourcesResolved, on Dashboards that name data sources, says whether the organization has them all.
	ConditionDataSourcesResolved = "DataSourcesResolved"
	// ConditionProgressing, on sets, is False once a roll-out has come to a halt.
	ConditionProgressing = "Progressing"
)

// Reasons of conditions and events. The list is closed: nothing else appears in a condition.
const (
	// ReasonInSync: Grafana holds what the object asks for.
	ReasonInSync = "InSync"
	// ReasonCreating: it is about to be created in Grafana.
	ReasonCreating = "Creating"
	// ReasonSuspended: spec.suspend is set, nothing is written.
	ReasonSuspended = "Suspended"
	// ReasonDrifted: somebody edited it in Grafana, and driftPolicy Report lets that stand.
	ReasonDrifted = "EditedInGrafana"

	// ReasonParentNotFound: the object it refers to does not exist yet.
	ReasonParentNotFound = "ParentNotFound"
	// ReasonParentNotAvailable: the object it refers to exists, but is not Available yet.
	ReasonParentNotAvailable = "ParentNotAvailable"
	// ReasonReferenceNotPermitted: the object it refers to does not exist or does not allow this namespace.
	ReasonReferenceNotPermitted = "ReferenceNotPermitted"
	// ReasonDashboardNotFound: the home dashboard that is referred to does not exist yet.
	ReasonDashboardNotFound = "DashboardNotFound"

	// ReasonGrafanaUnavailable: Grafana does not answer, or answers with an error of its own (5xx).
	ReasonGrafanaUnavailable = "GrafanaUnavailable"
	// ReasonRateLimited: Grafana, or a proxy before it, asks for fewer requests (429).
	ReasonRateLimited = "RateLimited"
	// ReasonNotGrafana: what answers at the url is not a Grafana API.
	ReasonNotGrafana = "NotGrafana"
	// ReasonTLSFailed: the server's certificate does not verify, or the TLS settings cannot be used.
	ReasonTLSFailed = "TLSFailed"
	// ReasonUnsupportedVersion: Grafana is older than 10.4, or than what is asked for.
	ReasonUnsupportedVersion = "UnsupportedVersion"
	// ReasonSecretNotFound: a Secret or ConfigMap that the Instance or DataSource names, or a key in it, does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonInvalidCredentials: Grafana refuses the credential (401).
	ReasonInvalidCredentials = "InvalidCredentials"

	// ReasonFailed: something else went wrong, most often a request to Kubernetes; the message says what. It is tried again.
	ReasonFailed = "Failed"

	// ReasonForbidden: Grafana says that the credential may not do this, or that a quota is reached (403).
	ReasonForbidden = "Forbidden"
	// ReasonRefused: Grafana refuses what the object asks for.
	ReasonRefused = "Refused"
	// ReasonInvalidSpec: the spec cannot be used as it is.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonAlreadyExists: the name or uid is taken by something in Grafana that the operator did not create.
	ReasonAlreadyExists = "AlreadyExists"
	// ReasonNameConflict: the name or uid is taken by another object that the operator manages.
	ReasonNameConflict = "NameConflict"
	// ReasonOwnershipLost: the object recorded in status is there, but no longer carries the operator's mark.
	ReasonOwnershipLost = "OwnershipLost"
	// ReasonDatabaseReset: none of the organizations that the operator has made is in this Grafana any more.
	ReasonDatabaseReset = "DatabaseReset"
	// ReasonRoleNotPermitted: the Organization does not allow service accounts or people of this role here.
	ReasonRoleNotPermitted = "RoleNotPermitted"
	// ReasonManagedExternally: an identity provider decides about the person, who is therefore not touched.
	ReasonManagedExternally = "ManagedExternally"
	// ReasonAdoptionNotPermitted: it asks to take over what is in Grafana already, and what contains that does not allow it.
	ReasonAdoptionNotPermitted = "AdoptionNotPermitted"
	// ReasonCannotDelete: this version of Grafana cannot delete organizations.
	ReasonCannotDelete = "CannotDelete"
	// ReasonQuotasDisabled: Grafana has quotas switched off.
	ReasonQuotasDisabled = "QuotasDisabled"

	// ReasonInvalidSource: the dashboard's source is not a dashboard.
	ReasonInvalidSource = "InvalidSource"
	// ReasonSourceNotFound: the ConfigMap or key with the dashboard does not exist.
	ReasonSourceNotFound = "SourceNotFound"
	// ReasonFetching: the dashboard's source is being fetched.
	ReasonFetching = "Fetching"
	// ReasonSourceUnavailable: the dashboard's source cannot be fetched; what is in Grafana stays.
	ReasonSourceUnavailable = "SourceUnavailable"
	// ReasonFolderNotFound: the folder does not exist in the organization.
	ReasonFolderNotFound = "FolderNotFound"
	// ReasonFolderAmbiguous: several folders have the title that the path names.
	ReasonFolderAmbiguous = "FolderAmbiguous"
	// ReasonFolderRefused: Grafana cannot have such a folder.
	ReasonFolderRefused = "FolderRefused"
	// ReasonSubjectNotFound: somebody whom permissions name is not in the organization yet.
	ReasonSubjectNotFound = "SubjectNotFound"
	// ReasonTooLarge: the dashboard is larger than Grafana accepts.
	ReasonTooLarge = "TooLarge"
	// ReasonSecretConflict: the Secret for the token exists and is not this object's.
	ReasonSecretConflict = "SecretConflict"
	// ReasonLifetimeRefused: Grafana demands that keys expire, or that they do so sooner.
	ReasonLifetimeRefused = "LifetimeRefused"
	// ReasonKeyRefused: the key is in its Secret, but Grafana does not accept it.
	ReasonKeyRefused = "KeyRefused"
	// ReasonServiceAccountDisabled: the token's service account is disabled, so the key does not work until it is enabled.
	ReasonServiceAccountDisabled = "ServiceAccountDisabled"

	// ReasonWorking: of condition Healthy: Grafana has tried the data source, and it works.
	ReasonWorking = "Working"
	// ReasonNotWorking: of condition Healthy: Grafana has tried the data source, and it does not work.
	ReasonNotWorking = "NotWorking"
	// ReasonNotTried: of condition Healthy: Grafana could not be asked to try the data source, or did not say in time.
	ReasonNotTried = "NotTried"

	// ReasonDataSourcesFound: of condition DataSourcesResolved: the organization had all data sources that the dashboard names when it was saved, or when the last missing one appeared.
	ReasonDataSourcesFound = "DataSourcesFound"
	// ReasonDataSourcesMissing: of condition DataSourcesResolved: the dashboard names data sources that the organization does not have, or is to have others that it does not have.
	ReasonDataSourcesMissing = "DataSourcesMissing"
	// ReasonDataSourcesUnknown: of condition DataSourcesResolved: Grafana could not be asked which data sources there are.
	ReasonDataSourcesUnknown = "DataSourcesUnknown"
	// ReasonRollingOut: of a set: what it makes is being made or changed.
	ReasonRollingOut = "RollingOut"
	// ReasonChildrenFailed: of a set: some of what it makes is Stalled, or cannot be made.
	ReasonChildrenFailed = "ChildrenFailed"
	// ReasonChildConflict: an object of the name that a set needs exists, and is not the set's.
	ReasonChildConflict = "ChildConflict"
	// ReasonProgressDeadlineExceeded: of a set: none of what it makes has become Ready for too long.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"

	// ReasonDeleting: it is being deleted in Grafana.
	ReasonDeleting = "Deleting"
	// ReasonDeletionBlocked: others that are not being deleted still depend on it, or it holds what the operator did not put there.
	ReasonDeletionBlocked = "DeletionBlocked"
	// ReasonParentGone: it is being deleted, but the way to it in Grafana is gone.
	ReasonParentGone = "ParentGone"
)

// Further reasons of events.
const (
	EventCreated   = "Created"
	EventUpdated   = "Updated"
	EventFound     = "Found"
	EventRotated   = "Rotated"
	EventReissued  = "Reissued"
	EventDeleted   = "Deleted"
	EventLeft      = "Left"
	EventOrphaned  = "Orphaned"
	EventAbandoned = "Abandoned"
	// EventUnusedInput: an input was given that the dashboard declares and uses nowhere.
	EventUnusedInput = "UnusedInput"
	// EventLeftOut: Grafana has saved a dashboard without something that is in its source.
	EventLeftOut = "LeftOut"
)
