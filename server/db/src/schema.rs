// Generated from the migrations: run the test `schema_rs_is_current` with BLESS=1.

diesel::table! {
    api_tokens (id) {
        id -> Uuid,
        organization_id -> Uuid,
        user_id -> Nullable<Uuid>,
        service_account_id -> Nullable<Uuid>,
        display_name -> Text,
        prefix -> Text,
        sha256 -> Bytea,
        permissions -> Array<Text>,
        business_unit_ids -> Nullable<Array<Uuid>>,
        expire_time -> Timestamptz,
        last_use_time -> Nullable<Timestamptz>,
        last_use_ip -> Text,
        revoke_time -> Nullable<Timestamptz>,
        creator -> Text,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    approval_decisions (organization_id, approval_id, number) {
        organization_id -> Uuid,
        approval_id -> Uuid,
        number -> Int4,
        stage -> Int4,
        user_id -> Uuid,
        principal -> Text,
        verdict -> Text,
        comment -> Text,
        content_hash -> Text,
        plan_digest -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    approval_policies (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        display_name -> Text,
        description -> Text,
        priority -> Int4,
        match_rule -> Jsonb,
        stages -> Jsonb,
        allow_self -> Bool,
        distinct_across_stages -> Bool,
        ttl_seconds -> Int8,
        auto_approve -> Nullable<Jsonb>,
        active -> Bool,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    approvals (id) {
        id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        request_id -> Uuid,
        requester_id -> Uuid,
        tier -> Text,
        approval_policy_id -> Uuid,
        content_hash -> Text,
        plan_digest -> Text,
        plan_id -> Uuid,
        stages -> Jsonb,
        current_stage -> Int4,
        allow_self -> Bool,
        distinct_across_stages -> Bool,
        method -> Text,
        policy_reason -> Text,
        state -> Text,
        expire_time -> Timestamptz,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    artifacts (organization_id, sha256) {
        organization_id -> Uuid,
        sha256 -> Bytea,
        content -> Bytea,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    audit_checkpoints (id) {
        id -> Int8,
        organization_id -> Uuid,
        size -> Int8,
        root -> Bytea,
        purged -> Int8,
        key_id -> Text,
        note -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Uuid,
        organization_id -> Uuid,
        time -> Timestamptz,
        principal -> Text,
        on_behalf_of -> Nullable<Text>,
        action -> Text,
        object -> Text,
        object_type -> Text,
        business_unit_id -> Nullable<Uuid>,
        outcome -> Text,
        effects -> Jsonb,
        details -> Jsonb,
        ip -> Text,
        user_agent -> Text,
        correlation_id -> Text,
        origin -> Text,
        duration_ms -> Int8,
        team_id -> Nullable<Uuid>,
        xid -> Int8,
    }
}

diesel::table! {
    audit_leaves (organization_id, seq) {
        organization_id -> Uuid,
        seq -> Int8,
        event_id -> Uuid,
        hash -> Bytea,
    }
}

diesel::table! {
    audit_nodes (organization_id, level, position) {
        organization_id -> Uuid,
        level -> Int2,
        position -> Int8,
        hash -> Bytea,
    }
}

diesel::table! {
    audit_trees (organization_id) {
        organization_id -> Uuid,
        size -> Int8,
        frontier -> Bytea,
        xid -> Int8,
        event_id -> Uuid,
        purged -> Int8,
    }
}

diesel::table! {
    auth_failures (id) {
        id -> Int8,
        address -> Text,
        identifier_sha256 -> Bytea,
        time -> Timestamptz,
    }
}

diesel::table! {
    business_unit_members (organization_id, business_unit_id, user_id) {
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        user_id -> Uuid,
        role_id -> Uuid,
        creator -> Text,
        create_time -> Timestamptz,
        revision -> Int8,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    business_units (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        code -> Text,
        display_name -> Text,
        description -> Text,
        owner_id -> Nullable<Uuid>,
        active -> Bool,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
        delete_time -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    change_events (position) {
        position -> Int8,
        xid -> Int8,
        organization_id -> Uuid,
        business_unit_id -> Nullable<Uuid>,
        object_type -> Text,
        object -> Text,
        object_id -> Uuid,
        action -> Text,
        fields -> Array<Text>,
        principal -> Text,
        correlation_id -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    concurrency_holds (organization_id, concurrency_key) {
        organization_id -> Uuid,
        concurrency_key -> Text,
        job_id -> Uuid,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    counters (organization_id, counter) {
        organization_id -> Uuid,
        counter -> Text,
        value -> Int8,
    }
}

diesel::table! {
    dead_letters (job_id) {
        job_id -> Uuid,
        organization_id -> Uuid,
        queue -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    deployments (id) {
        id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        slug -> Text,
        display_name -> Text,
        state -> Text,
        provisioned -> Bool,
        environment_id -> Uuid,
        tier -> Text,
        template_id -> Uuid,
        template_version_id -> Uuid,
        provider -> Text,
        region -> Text,
        owner_id -> Uuid,
        owner -> Text,
        inputs -> Jsonb,
        inputs_ciphertext -> Bytea,
        outputs -> Jsonb,
        outputs_ciphertext -> Nullable<Bytea>,
        tags -> Jsonb,
        cost_center -> Text,
        project_code -> Text,
        current_revision -> Int4,
        last_revision -> Int4,
        last_request_id -> Nullable<Uuid>,
        resource_count -> Int4,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
        team_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    device_logins (device_code_sha256) {
        device_code_sha256 -> Bytea,
        user_code -> Text,
        device -> Text,
        ip -> Text,
        organization_id -> Nullable<Uuid>,
        user_id -> Nullable<Uuid>,
        state -> Text,
        last_poll_time -> Nullable<Timestamptz>,
        expire_time -> Timestamptz,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    environments (id) {
        id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        slug -> Text,
        display_name -> Text,
        tier -> Text,
        rank -> Int4,
        region -> Text,
        state -> Text,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    external_identities (id) {
        id -> Uuid,
        organization_id -> Uuid,
        user_id -> Uuid,
        provider -> Text,
        issuer -> Text,
        subject -> Text,
        email -> Text,
        profile_url -> Text,
        last_use_time -> Nullable<Timestamptz>,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    group_members (organization_id, group_id, user_id) {
        organization_id -> Uuid,
        group_id -> Uuid,
        user_id -> Uuid,
        creator -> Text,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    groups (id) {
        id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Nullable<Uuid>,
        slug -> Text,
        display_name -> Text,
        description -> Text,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (organization_id, principal, request_id) {
        organization_id -> Uuid,
        principal -> Text,
        request_id -> Uuid,
        method -> Text,
        body_sha256 -> Bytea,
        response -> Bytea,
        sealed -> Bool,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    installation (id) {
        id -> Int4,
        master_key_check -> Bytea,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    invitations (id) {
        id -> Uuid,
        organization_id -> Uuid,
        email -> Text,
        role_id -> Uuid,
        business_unit_id -> Nullable<Uuid>,
        token_sha256 -> Bytea,
        state -> Text,
        expire_time -> Timestamptz,
        accept_time -> Nullable<Timestamptz>,
        user_id -> Nullable<Uuid>,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    job_artifacts (organization_id, job_id, fence, kind) {
        organization_id -> Uuid,
        job_id -> Uuid,
        fence -> Int8,
        kind -> Text,
        sha256 -> Bytea,
        ciphertext -> Bytea,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    job_log_chunks (job_id, first_seq) {
        job_id -> Uuid,
        first_seq -> Int8,
        last_seq -> Int8,
        organization_id -> Uuid,
        lines -> Bytea,
        time -> Timestamptz,
    }
}

diesel::table! {
    job_logs (job_id) {
        job_id -> Uuid,
        organization_id -> Uuid,
        last_seq -> Int8,
        bytes -> Int8,
        dropped -> Int8,
        hash_state -> Bytea,
        sha256 -> Bytea,
    }
}

diesel::table! {
    jobs (id) {
        id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        kind -> Text,
        operation -> Text,
        request_id -> Uuid,
        deployment_id -> Uuid,
        content_revision -> Int4,
        template_version_id -> Uuid,
        plan_id -> Nullable<Uuid>,
        queue -> Text,
        concurrency_key -> Text,
        idempotency_key -> Text,
        attempt -> Int4,
        max_attempts -> Int4,
        run_after_time -> Timestamptz,
        soft_timeout_seconds -> Int4,
        hard_timeout_seconds -> Int4,
        lease_id -> Nullable<Uuid>,
        runner -> Nullable<Text>,
        fence -> Int8,
        apply_started -> Bool,
        progress -> Jsonb,
        error -> Nullable<Jsonb>,
        trigger -> Text,
        state -> Text,
        attempt_start_time -> Nullable<Timestamptz>,
        start_time -> Nullable<Timestamptz>,
        end_time -> Nullable<Timestamptz>,
        cancel_time -> Nullable<Timestamptz>,
        correlation_id -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
        delete_time -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    leases (id) {
        id -> Uuid,
        runner -> Text,
        job_ids -> Array<Uuid>,
        expire_time -> Timestamptz,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    organizations (id) {
        id -> Uuid,
        slug -> Text,
        display_name -> Text,
        active -> Bool,
        is_default -> Bool,
        settings -> Jsonb,
        grants_epoch -> Int8,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
        description -> Text,
        logo_url -> Text,
        onboarding -> Jsonb,
        creator -> Text,
        delete_time -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    password_resets (id) {
        id -> Uuid,
        organization_id -> Uuid,
        user_id -> Uuid,
        token_sha256 -> Bytea,
        expire_time -> Timestamptz,
        end_time -> Nullable<Timestamptz>,
        creator -> Text,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    plans (id) {
        id -> Uuid,
        organization_id -> Uuid,
        request_id -> Uuid,
        job_id -> Uuid,
        content_hash -> Text,
        content_revision -> Int4,
        changes -> Jsonb,
        text -> Text,
        truncated -> Bool,
        differences -> Jsonb,
        digest -> Text,
        changes_digest -> Text,
        inputs_sha256 -> Text,
        template_sha256 -> Text,
        add_count -> Int4,
        change_count -> Int4,
        destroy_count -> Int4,
        provider_lock_hash -> Text,
        state_lineage -> Text,
        state_serial -> Int8,
        policies -> Jsonb,
        file_sha256 -> Text,
        file_ciphertext -> Nullable<Bytea>,
        create_time -> Timestamptz,
        expire_time -> Timestamptz,
    }
}

diesel::table! {
    policies (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        description -> Text,
        kind -> Text,
        target -> Text,
        scope -> Jsonb,
        config -> Jsonb,
        enforced -> Bool,
        violation_class -> Text,
        message -> Text,
        fix -> Text,
        version -> Int4,
        active -> Bool,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    queue_pauses (organization_id, queue) {
        organization_id -> Uuid,
        queue -> Text,
        id -> Uuid,
        priority -> Int2,
        reason -> Text,
        principal -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    queue_turns (organization_id) {
        organization_id -> Uuid,
        time -> Timestamptz,
    }
}

diesel::table! {
    rate_counts (minute, principal_id, replica) {
        principal_id -> Uuid,
        minute -> Timestamptz,
        replica -> Uuid,
        calls -> Int8,
    }
}

diesel::table! {
    ready_jobs (job_id) {
        job_id -> Uuid,
        organization_id -> Uuid,
        priority -> Int2,
        run_after_time -> Timestamptz,
        concurrency_key -> Text,
        engine -> Text,
    }
}

diesel::table! {
    refresh_tokens (sha256) {
        sha256 -> Bytea,
        organization_id -> Uuid,
        session_id -> Uuid,
        expire_time -> Timestamptz,
        retire_time -> Nullable<Timestamptz>,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    request_events (organization_id, request_id, number) {
        organization_id -> Uuid,
        request_id -> Uuid,
        number -> Int4,
        event -> Text,
        state -> Text,
        principal -> Text,
        comment -> Text,
        object -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    requests (id) {
        id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        number -> Int8,
        kind -> Text,
        title -> Text,
        description -> Text,
        requester_id -> Uuid,
        requester -> Text,
        environment_id -> Uuid,
        tier -> Text,
        deployment_id -> Nullable<Uuid>,
        template_version_id -> Uuid,
        payload -> Jsonb,
        tags -> Jsonb,
        inputs_ciphertext -> Bytea,
        content_hash -> Text,
        content_revision -> Int4,
        state -> Text,
        failed_phase -> Nullable<Text>,
        apply_started -> Bool,
        error -> Nullable<Jsonb>,
        policy_results -> Jsonb,
        plan_id -> Nullable<Uuid>,
        approval_id -> Nullable<Uuid>,
        job_ids -> Array<Uuid>,
        revision_number -> Nullable<Int4>,
        last_event -> Int4,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    revisions (organization_id, deployment_id, number) {
        organization_id -> Uuid,
        deployment_id -> Uuid,
        number -> Int4,
        kind -> Text,
        template_version_id -> Uuid,
        inputs -> Jsonb,
        inputs_ciphertext -> Bytea,
        outputs -> Jsonb,
        outputs_ciphertext -> Nullable<Bytea>,
        request_id -> Uuid,
        job_id -> Nullable<Uuid>,
        plan_digest -> Text,
        approval_id -> Nullable<Uuid>,
        initiator -> Text,
        description -> Text,
        state -> Text,
        create_time -> Timestamptz,
        start_time -> Nullable<Timestamptz>,
        end_time -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    role_bindings (id) {
        id -> Uuid,
        organization_id -> Uuid,
        role_id -> Uuid,
        subject_kind -> Text,
        subject_id -> Uuid,
        business_unit_id -> Nullable<Uuid>,
        effect -> Text,
        condition -> Nullable<Text>,
        expire_time -> Nullable<Timestamptz>,
        creator -> Text,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    roles (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        display_name -> Text,
        description -> Text,
        scope -> Text,
        permissions -> Array<Text>,
        restriction -> Text,
        builtin -> Bool,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    runners (id) {
        id -> Uuid,
        organization_id -> Nullable<Uuid>,
        slug -> Text,
        labels -> Jsonb,
        adoption -> Text,
        version -> Text,
        engines -> Jsonb,
        capacity -> Int4,
        embedded -> Bool,
        token_sha256 -> Bytea,
        last_seen_time -> Nullable<Timestamptz>,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    schedules (slug) {
        slug -> Text,
        id -> Uuid,
        interval_seconds -> Int4,
        next_tick_time -> Timestamptz,
        tick -> Int8,
        last_tick_time -> Nullable<Timestamptz>,
        runs_until_time -> Nullable<Timestamptz>,
        last_end_time -> Nullable<Timestamptz>,
        last_outcome -> Nullable<Text>,
        last_error -> Text,
    }
}

diesel::table! {
    service_accounts (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        kind -> Text,
        description -> Text,
        active -> Bool,
        ci_trust_rules -> Jsonb,
        delete_time -> Nullable<Timestamptz>,
        last_use_time -> Nullable<Timestamptz>,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        organization_id -> Uuid,
        user_id -> Uuid,
        device -> Text,
        ip -> Text,
        last_use_time -> Timestamptz,
        expire_time -> Timestamptz,
        revoke_time -> Nullable<Timestamptz>,
        create_time -> Timestamptz,
        sso_provider_id -> Nullable<Uuid>,
        sso_id_token -> Nullable<Bytea>,
    }
}

diesel::table! {
    signing_keys (id) {
        id -> Text,
        alg -> Text,
        public_jwk -> Jsonb,
        ciphertext -> Bytea,
        activate_time -> Timestamptz,
        retire_time -> Nullable<Timestamptz>,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    sso_logins (state_sha256) {
        state_sha256 -> Bytea,
        organization_id -> Uuid,
        provider_id -> Uuid,
        browser_sha256 -> Bytea,
        secrets -> Bytea,
        return_path -> Text,
        link_user_id -> Nullable<Uuid>,
        invitation_id -> Nullable<Uuid>,
        expire_time -> Timestamptz,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    sso_providers (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        kind -> Text,
        display_name -> Text,
        issuer -> Text,
        client_id -> Text,
        client_secret -> Nullable<Bytea>,
        scopes -> Array<Text>,
        email_domains -> Array<Text>,
        active -> Bool,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    team_members (organization_id, team_id, user_id) {
        organization_id -> Uuid,
        team_id -> Uuid,
        user_id -> Uuid,
        is_lead -> Bool,
        creator -> Text,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    teams (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        display_name -> Text,
        description -> Text,
        linked_group_id -> Nullable<Uuid>,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    template_versions (id) {
        id -> Uuid,
        organization_id -> Uuid,
        template_id -> Uuid,
        version -> Text,
        sort_key -> Text,
        engine -> Text,
        manifest -> Jsonb,
        input_schema -> Jsonb,
        output_schema -> Jsonb,
        entrypoint -> Text,
        artifact_sha256 -> Bytea,
        artifact_size -> Int8,
        soft_timeout_seconds -> Int4,
        hard_timeout_seconds -> Int4,
        state -> Text,
        creator -> Text,
        create_time -> Timestamptz,
    }
}

diesel::table! {
    templates (id) {
        id -> Uuid,
        organization_id -> Uuid,
        slug -> Text,
        display_name -> Text,
        description -> Text,
        author -> Text,
        category -> Text,
        kind -> Text,
        provider -> Text,
        icon -> Text,
        recommended -> Bool,
        guide -> Text,
        locked -> Bool,
        latest_version_id -> Nullable<Uuid>,
        estimated_duration_seconds -> Int4,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        organization_id -> Uuid,
        username -> Text,
        email -> Text,
        full_name -> Text,
        active -> Bool,
        must_change_password -> Bool,
        password_hash -> Nullable<Text>,
        active_business_unit_id -> Nullable<Uuid>,
        creator -> Text,
        revision -> Int8,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
        preferences -> Jsonb,
        delete_time -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    workspace_states (organization_id, deployment_id, serial, fence, sha256) {
        organization_id -> Uuid,
        deployment_id -> Uuid,
        serial -> Int8,
        fence -> Int8,
        lineage -> Text,
        ciphertext -> Bytea,
        sha256 -> Bytea,
        resource_count -> Int4,
        job_id -> Uuid,
        state -> Text,
        time -> Timestamptz,
    }
}

diesel::table! {
    workspaces (deployment_id) {
        deployment_id -> Uuid,
        organization_id -> Uuid,
        business_unit_id -> Uuid,
        engine -> Text,
        lineage -> Text,
        serial -> Int8,
        lock_job_id -> Nullable<Uuid>,
        lock_fence -> Nullable<Int8>,
        lock_time -> Nullable<Timestamptz>,
        lock_until_time -> Nullable<Timestamptz>,
        lock_info -> Nullable<Jsonb>,
        create_time -> Timestamptz,
        update_time -> Timestamptz,
    }
}

diesel::joinable!(api_tokens -> organizations (organization_id));
diesel::joinable!(api_tokens -> service_accounts (service_account_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(approval_decisions -> approvals (approval_id));
diesel::joinable!(approval_decisions -> organizations (organization_id));
diesel::joinable!(approval_decisions -> users (user_id));
diesel::joinable!(approval_policies -> organizations (organization_id));
diesel::joinable!(approvals -> approval_policies (approval_policy_id));
diesel::joinable!(approvals -> business_units (business_unit_id));
diesel::joinable!(approvals -> organizations (organization_id));
diesel::joinable!(approvals -> plans (plan_id));
diesel::joinable!(artifacts -> organizations (organization_id));
diesel::joinable!(audit_checkpoints -> organizations (organization_id));
diesel::joinable!(audit_events -> business_units (business_unit_id));
diesel::joinable!(audit_events -> organizations (organization_id));
diesel::joinable!(audit_leaves -> organizations (organization_id));
diesel::joinable!(audit_nodes -> organizations (organization_id));
diesel::joinable!(audit_trees -> organizations (organization_id));
diesel::joinable!(business_unit_members -> business_units (business_unit_id));
diesel::joinable!(business_unit_members -> organizations (organization_id));
diesel::joinable!(business_unit_members -> roles (role_id));
diesel::joinable!(business_unit_members -> users (user_id));
diesel::joinable!(business_units -> organizations (organization_id));
diesel::joinable!(change_events -> organizations (organization_id));
diesel::joinable!(concurrency_holds -> jobs (job_id));
diesel::joinable!(concurrency_holds -> organizations (organization_id));
diesel::joinable!(counters -> organizations (organization_id));
diesel::joinable!(dead_letters -> jobs (job_id));
diesel::joinable!(dead_letters -> organizations (organization_id));
diesel::joinable!(deployments -> business_units (business_unit_id));
diesel::joinable!(deployments -> environments (environment_id));
diesel::joinable!(deployments -> organizations (organization_id));
diesel::joinable!(deployments -> teams (team_id));
diesel::joinable!(deployments -> template_versions (template_version_id));
diesel::joinable!(deployments -> templates (template_id));
diesel::joinable!(device_logins -> organizations (organization_id));
diesel::joinable!(device_logins -> users (user_id));
diesel::joinable!(environments -> business_units (business_unit_id));
diesel::joinable!(environments -> organizations (organization_id));
diesel::joinable!(external_identities -> organizations (organization_id));
diesel::joinable!(external_identities -> users (user_id));
diesel::joinable!(group_members -> groups (group_id));
diesel::joinable!(group_members -> organizations (organization_id));
diesel::joinable!(group_members -> users (user_id));
diesel::joinable!(groups -> business_units (business_unit_id));
diesel::joinable!(groups -> organizations (organization_id));
diesel::joinable!(idempotency_keys -> organizations (organization_id));
diesel::joinable!(invitations -> business_units (business_unit_id));
diesel::joinable!(invitations -> organizations (organization_id));
diesel::joinable!(invitations -> roles (role_id));
diesel::joinable!(invitations -> users (user_id));
diesel::joinable!(job_artifacts -> jobs (job_id));
diesel::joinable!(job_artifacts -> organizations (organization_id));
diesel::joinable!(job_log_chunks -> jobs (job_id));
diesel::joinable!(job_log_chunks -> organizations (organization_id));
diesel::joinable!(job_logs -> jobs (job_id));
diesel::joinable!(job_logs -> organizations (organization_id));
diesel::joinable!(jobs -> business_units (business_unit_id));
diesel::joinable!(jobs -> deployments (deployment_id));
diesel::joinable!(jobs -> organizations (organization_id));
diesel::joinable!(jobs -> requests (request_id));
diesel::joinable!(jobs -> template_versions (template_version_id));
diesel::joinable!(password_resets -> organizations (organization_id));
diesel::joinable!(password_resets -> users (user_id));
diesel::joinable!(plans -> organizations (organization_id));
diesel::joinable!(policies -> organizations (organization_id));
diesel::joinable!(queue_pauses -> organizations (organization_id));
diesel::joinable!(queue_turns -> organizations (organization_id));
diesel::joinable!(ready_jobs -> jobs (job_id));
diesel::joinable!(ready_jobs -> organizations (organization_id));
diesel::joinable!(refresh_tokens -> organizations (organization_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(request_events -> organizations (organization_id));
diesel::joinable!(request_events -> requests (request_id));
diesel::joinable!(requests -> business_units (business_unit_id));
diesel::joinable!(requests -> deployments (deployment_id));
diesel::joinable!(requests -> environments (environment_id));
diesel::joinable!(requests -> organizations (organization_id));
diesel::joinable!(requests -> template_versions (template_version_id));
diesel::joinable!(revisions -> approvals (approval_id));
diesel::joinable!(revisions -> deployments (deployment_id));
diesel::joinable!(revisions -> jobs (job_id));
diesel::joinable!(revisions -> organizations (organization_id));
diesel::joinable!(revisions -> requests (request_id));
diesel::joinable!(revisions -> template_versions (template_version_id));
diesel::joinable!(role_bindings -> business_units (business_unit_id));
diesel::joinable!(role_bindings -> organizations (organization_id));
diesel::joinable!(role_bindings -> roles (role_id));
diesel::joinable!(roles -> organizations (organization_id));
diesel::joinable!(runners -> organizations (organization_id));
diesel::joinable!(service_accounts -> organizations (organization_id));
diesel::joinable!(sessions -> organizations (organization_id));
diesel::joinable!(sessions -> sso_providers (sso_provider_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(sso_logins -> invitations (invitation_id));
diesel::joinable!(sso_logins -> organizations (organization_id));
diesel::joinable!(sso_logins -> sso_providers (provider_id));
diesel::joinable!(sso_logins -> users (link_user_id));
diesel::joinable!(sso_providers -> organizations (organization_id));
diesel::joinable!(team_members -> organizations (organization_id));
diesel::joinable!(team_members -> teams (team_id));
diesel::joinable!(team_members -> users (user_id));
diesel::joinable!(teams -> groups (linked_group_id));
diesel::joinable!(teams -> organizations (organization_id));
diesel::joinable!(template_versions -> organizations (organization_id));
diesel::joinable!(templates -> organizations (organization_id));
diesel::joinable!(users -> organizations (organization_id));
diesel::joinable!(workspace_states -> deployments (deployment_id));
diesel::joinable!(workspace_states -> jobs (job_id));
diesel::joinable!(workspace_states -> organizations (organization_id));
diesel::joinable!(workspaces -> deployments (deployment_id));
diesel::joinable!(workspaces -> jobs (lock_job_id));
diesel::joinable!(workspaces -> organizations (organization_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_tokens,
    approval_decisions,
    approval_policies,
    approvals,
    artifacts,
    audit_checkpoints,
    audit_events,
    audit_leaves,
    audit_nodes,
    audit_trees,
    auth_failures,
    business_unit_members,
    business_units,
    change_events,
    concurrency_holds,
    counters,
    dead_letters,
    deployments,
    device_logins,
    environments,
    external_identities,
    group_members,
    groups,
    idempotency_keys,
    installation,
    invitations,
    job_artifacts,
    job_log_chunks,
    job_logs,
    jobs,
    leases,
    organizations,
    password_resets,
    plans,
    policies,
    queue_pauses,
    queue_turns,
    rate_counts,
    ready_jobs,
    refresh_tokens,
    request_events,
    requests,
    revisions,
    role_bindings,
    roles,
    runners,
    schedules,
    service_accounts,
    sessions,
    signing_keys,
    sso_logins,
    sso_providers,
    team_members,
    teams,
    template_versions,
    templates,
    users,
    workspace_states,
    workspaces,
);
